"""A network as one Python file that needs torch alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archbuilder import __version__
from archbuilder.plan.plan import Plan
from archbuilder.primitives import shape_text
from archbuilder.python_source.annotations import constant, docstring
from archbuilder.python_source.block_class import block_class
from archbuilder.python_source.classes import Classes
from archbuilder.python_source.flows import Flows
from archbuilder.python_source.included import Included
from archbuilder.python_source.layout import lines
from archbuilder.python_source.names import ClassNames, targets_of
from archbuilder.python_source.naming import class_name, unused
from archbuilder.python_source.network_class import OUTPUT, NetworkClass
from archbuilder.spec.document import SpecDocument


@dataclass(frozen=True)
class Source:
    """An exported file.

    Attributes:
        text: The file.
        class_name: The class of the network.
        classes: How many classes it defines, without those taken over from elsewhere.
    """

    text: str
    class_name: str
    classes: int


def python_source(document: SpecDocument, plan: Plan, constants: Mapping[str, Any] | None = None) -> Source:
    """Write a network as one Python file.

    Args:
        document: The spec.
        plan: Its plan.
        constants: Further constants of the file by name, such as `CLASS_NAMES`.

    Raises:
        ArchbuilderError: A layer cannot be written; the message says which.
    """
    included, flows = Included(), Flows(plan)
    targets = targets_of(plan, included)
    taken = {*targets.values(), *included.names, *(constants or ()), OUTPUT, "Tensor", "NamedTuple", "OrderedDict"}
    name = unused(class_name(plan.name), taken)
    classes = Classes(plan, ClassNames({*taken, name}))

    def function(target: str) -> str:
        """Return how the file writes a function, which is imported if torch lacks it."""
        if target.startswith("torch."):
            return target
        module, _, found = target.rpartition(".")
        included.imports.add(module, found)
        return found

    module_name = targets.__getitem__
    blocks = [
        block_class(each, document.block(each.label) if each.label else None, flows, module_name, function)
        for each in classes.all
    ]
    network = NetworkClass(plan, name, classes, flows, module_name, function).text()
    values = ["\n".join(line for key, found in (constants or {}).items() for line in lines(constant(key, found), 0))]
    outputs = [_output_class(plan)] if plan.heads else []
    sections = [*included.texts, *outputs, *blocks, network]
    body = "\n\n\n".join([*(values if constants else []), *sections])
    gap = "\n\n" if constants else "\n\n\n"
    text = f"{_heading(document, plan)}\n\n{_imports(included, plan, body)}{gap}{body}\n"
    return Source(text, name, len(blocks) + 1)


def _heading(document: SpecDocument, plan: Plan) -> str:
    heads = f", {plan.head_parameters:,} more in heads for training" if plan.heads else ""
    title = document.header.description or plan.name
    shapes = f"{shape_text(plan.input_shape)} -> {plan.ending}"
    said = f"{shapes}; {plan.parameters:,} parameters{heads}; {plan.macs:,} MACs."
    note = f"Written by archbuilder {__version__}; it needs torch alone."
    return docstring([f"{title.rstrip('.')}.", "", f"{plan.name}: {said}", note], 0)


def _imports(included: Included, plan: Plan, body: str) -> str:
    imports = included.imports
    if "OrderedDict(" in body:
        imports.add("collections", "OrderedDict")
    if plan.heads:
        imports.add("typing", "NamedTuple")
    if "torch." in body.replace("torch.nn.", ""):
        imports.add("torch")
    imports.add("torch", "nn")
    imports.add("torch", "Tensor")
    return imports.text()


def _output_class(plan: Plan) -> str:
    fields = "\n".join(f"    {name}: Tensor" for name in ["logits", *(head.name for head in plan.heads_deepest_first)])
    return f'class {OUTPUT}(NamedTuple):\n    """What training returns: logits, of N x classes each."""\n\n{fields}'
