"""A network as one Python file that needs torch alone."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archbuilder import __version__
from archbuilder.plan.plan import Chain, Plan, ops_in
from archbuilder.primitives import shape_text
from archbuilder.python_source.classes import ClassDefinition, Classes, Parameter
from archbuilder.python_source.constructor import Channels, Constructor, looped
from archbuilder.python_source.expressions import MISSING, TorchClass, names_of, value
from archbuilder.python_source.expressions import written as as_python
from archbuilder.python_source.flows import Flows
from archbuilder.python_source.forward import ForwardWriter, Reading, written
from archbuilder.python_source.included import Included
from archbuilder.python_source.initialization import initialization
from archbuilder.python_source.layout import Call, Text, call, lines, listed, prefixed
from archbuilder.python_source.names import ClassNames, targets_of
from archbuilder.python_source.naming import LOCALS, class_name, identifier, unused
from archbuilder.python_source.pattern import Narrow, Parallel, Part, call_of, children_of, operation, unify_members
from archbuilder.python_source.scope import Scope, literal
from archbuilder.spec.document import SpecDocument

OUTPUT = "TrainingOutput"
_LONGEST = 60  # of an expression in a comment


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
    return _Writer(document, plan).source(constants or {})


class _Writer:
    """Writes one file."""

    def __init__(self, document: SpecDocument, plan: Plan) -> None:
        self._document = document
        self._plan = plan
        self._flows = Flows(plan)
        self._included = Included()
        self._targets = targets_of(plan, self._included)
        taken = {*self._targets.values(), OUTPUT, "Tensor", "NamedTuple", "OrderedDict"}
        self._network = unused(class_name(plan.name), taken)
        taken.add(self._network)
        self._classes = Classes(plan, ClassNames(taken))

    def source(self, constants: Mapping[str, Any]) -> Source:
        """Write the file."""
        blocks = [self._class(definition) for definition in self._classes.all]
        network = self._network_class()
        outputs = [self._output_class()] if self._plan.heads else []
        sections = [*self._constants(constants), *self._included.texts, *outputs, *blocks, network]
        body = "\n\n\n".join(sections)
        imports = self._imports(body)
        text = (
            f"{self._heading()}\n\n{imports}\n\n{body}\n"
            if constants
            else f"{self._heading()}\n\n{imports}\n\n\n{body}\n"
        )
        return Source(text, self._network, len(blocks) + 1)

    def _heading(self) -> str:
        plan = self._plan
        heads = f", {plan.head_parameters:,} more in heads for training" if plan.heads else ""
        title = self._document.header.description or plan.name
        shapes = f"{shape_text(plan.input_shape)} -> {plan.ending}"
        said = f"{shapes}; {plan.parameters:,} parameters{heads}; {plan.macs:,} MACs."
        note = f"Written by archbuilder {__version__}; it needs torch alone."
        return _docstring([f"{title.rstrip('.')}.", "", f"{plan.name}: {said}", note], 0)

    def _imports(self, body: str) -> str:
        imports = self._included.imports
        if "OrderedDict(" in body:
            imports.add("collections", "OrderedDict")
        if self._plan.heads:
            imports.add("typing", "NamedTuple")
        if "torch." in body.replace("torch.nn.", ""):
            imports.add("torch")
        imports.add("torch", "nn")
        if "Tensor" in body:
            imports.add("torch", "Tensor")
        return imports.text()

    def _constants(self, constants: Mapping[str, Any]) -> list[str]:
        if not constants:
            return []
        texts = [line for key, found in constants.items() for line in lines(_constant(key, found), 0)]
        return ["\n".join(texts)]

    def _output_class(self) -> str:
        names = ", ".join(f"{head.name}: Tensor" for head in self._plan.heads_deepest_first)
        fields = "\n".join(f"    {name}" for name in ["logits: Tensor", *names.split(", ")])
        return f'class {OUTPUT}(NamedTuple):\n    """What training returns: logits, of N x classes each."""\n\n{fields}'

    # Classes.

    def _class(self, definition: ClassDefinition) -> str:
        block = self._document.block(definition.label) if definition.label else None
        shapes = [self._flows.input(chain).shape for chain in definition.instances]
        inputs = [shape[0] for shape in shapes]
        environments = [
            {**chain.arguments, "in": size} for chain, size in zip(definition.instances, inputs, strict=True)
        ]
        children = {child.name for chain in definition.instances for child in children_of(chain.members)}
        scope = Scope(environments, block, {"self", "nn", "torch", "layers"})
        constructor = Constructor(scope, self._flows, self._module_name, set(children))
        channels = Channels(("name", "in"), inputs)
        present = [True] * len(definition.instances)
        numbered = definition.is_sequential and definition.is_numbered
        body: list[str] = []
        if numbered:
            items, output = constructor.items(definition.members, True, channels, present)
            ending = lines(call("super().__init__", *(items or ())), 2)
        else:
            outer = {name: _unknown(definition, self._flows, name) for name in definition.instances[0].outer}
            known = {"input": channels, **outer}
            output = constructor.children(
                definition.members, channels, known, present, optional=not definition.is_sequential
            )
            ending = []
            body.append("        super().__init__()")
        for line in looped(constructor.lines) if definition.is_sequential else constructor.lines:
            body += lines(line.text, 2 + line.level)
        body += ending
        definition.output = output.tree
        definition.parameters = scope.parameters()
        base = "nn.Sequential" if definition.is_sequential else "nn.Module"
        text = [f"class {definition.name}({base}):", _docstring([self._describe(definition)], 1), ""]
        text += lines(_signature(definition.parameters), 1)
        text += body
        if not definition.is_sequential:
            text += ["", *self._forward(definition, constructor, present)]
        return "\n".join(text)

    def _describe(self, definition: ClassDefinition) -> str:
        block = self._document.block(definition.label) if definition.label else None
        if block is not None and block.description:
            return f"{block.description.rstrip('.')}."
        return f"The {'block' if definition.label else 'layers of'} {definition.label or definition.instances[0].name}."

    def _forward(self, definition: ClassDefinition, constructor: Constructor, present: list[bool]) -> list[str]:
        outer: list[str] = []
        for each in definition.instances[0].outer:
            outer.append(unused(identifier(each), {*outer, *LOCALS}))
        notes = constructor.notes

        def comment(part: Part) -> str:
            return _shape_over(part, definition, notes.channels.get(id(part)), self._flows)

        reading = Reading(notes.flags, notes.sizes, comment, self._function, lambda part: None, lambda *_: None)
        writer = ForwardWriter(reading, ["x", *outer])
        names = dict(zip(definition.instances[0].outer, outer, strict=True))
        result = writer.run(definition.members, "x", "self", names, present)
        arguments = "".join(f", {name}: Tensor" for name in outer)
        heading = f"    def forward(self, x: Tensor{arguments}) -> Tensor:"
        return [heading, *written(writer.statements, 2, result)]

    # The network.

    def _network_class(self) -> str:
        plan, flows = self._plan, self._flows
        members = unify_members([plan.trees], self._classes.of)
        environment = {} if plan.class_count is None else {"classes": plan.class_count}
        scope = Scope([environment], None, {"self", "nn", "torch", "layers"})
        names = {child.name for child in children_of(plan.trees)} | {head.name for head in plan.heads}
        constructor = Constructor(scope, flows, self._module_name, names)
        channels = Channels(value(plan.input_shape[0]), [plan.input_shape[0]])
        outputs = {"input": channels}
        position = 0
        for position in range(len(plan.trees) + 1):
            for head in plan.heads:
                if head.listed_before == position:
                    tapped = flows.input(head.tree).shape[0]
                    part = unify_members([[head.tree]], self._classes.of)
                    constructor.children(part, Channels(value(tapped), [tapped]), {}, [True])
            channels = constructor.children(members[position : position + 1], channels, outputs, [True])
        start = initialization(plan)
        body = ["        super().__init__()"]
        for line in constructor.lines:
            body += lines(line.text, 2 + line.level)
        body += ["        self._init_weights()"] if start else []
        parameters = scope.parameters()
        for parameter in parameters:
            parameter.default = parameter.values[0]
        text = [f"class {self._network}(nn.Module):", _docstring([self._returns()], 1), ""]
        text += lines(_signature(parameters), 1)
        text += [*body, "", *self._network_forward(members, constructor)]
        text += ["", *(f"    {line}" if line else "" for line in start)] if start else []
        return "\n".join(text)

    def _returns(self) -> str:
        plan = self._plan
        what = "a map" if plan.class_count is None else "logits"
        ending = (
            f"; in training also those of the heads {', '.join(head.name for head in plan.heads_deepest_first)}"
            if plan.heads
            else ""
        )
        shapes = f"N x {shape_text(plan.input_shape)} to {what} of N x {shape_text(plan.output_shape)}"
        return f"Maps images of {shapes}{ending}."

    def _network_forward(self, members: Sequence[Part], constructor: Constructor) -> list[str]:
        plan, flows, notes = self._plan, self._flows, constructor.notes
        taps = {head.tapped: f"{identifier(head.name)}_input" for head in plan.heads}
        seen: dict[int, str] = {}

        def comment(part: Part) -> str:
            before, after = flows.input(part.first).shape, flows.output(part.first).shape
            return "" if before == after and not isinstance(part, Parallel) else f"N x {shape_text(after)}"

        def open_(part: Part) -> list[Part] | None:
            node = part.first
            if not isinstance(node, Chain):
                return None
            inside = {op.index for op in ops_in(node)} - {flows.output(node).op}
            if not inside.intersection(taps):
                return None
            found = unify_members([node.members], self._classes.of)
            _note(found, constructor, flows)
            return found

        def after(part: Part, writer: ForwardWriter, variable: str) -> None:
            op = flows.output(part.first).op
            if op in taps and op not in seen:
                seen[op] = taps[op]
                writer.assign(taps[op], variable)
                writer.hold(taps[op])

        reading = Reading(notes.flags, notes.sizes, comment, self._function, open_, after)
        writer = ForwardWriter(reading, ["x"])
        if -1 in taps:
            seen[-1] = taps[-1]
            writer.assign(taps[-1], "x")
            writer.hold(taps[-1])
        result = writer.run(members, "x", "self", {}, [True])
        if not plan.heads:
            return ["    def forward(self, x: Tensor) -> Tensor:", *written(writer.statements, 2, result)]
        heads = [call(_child(head.name), seen[head.tapped]) for head in plan.heads_deepest_first]
        output = Call("return " + OUTPUT + "(", (result, *heads))
        text = [f"    def forward(self, x: Tensor) -> Tensor | {OUTPUT}:", *written(writer.statements, 2, "")]
        return [*text, "        if self.training:", *lines(output, 3), f"        return {result}"]

    # Names.

    def _module_name(self, target: str) -> str:
        return self._targets[target]

    def _function(self, target: str) -> str:
        if target.startswith("torch."):
            return target
        module, _, name = target.rpartition(".")
        self._included.imports.add(module, name)
        return name


def _note(parts: Sequence[Part], constructor: Constructor, flows: Flows) -> None:
    """Note the sizes of parts of a split, which are numbers where there is one instance."""
    for part in parts:
        if isinstance(part, Narrow):
            _, start, size = call_of(operation(part.first)).args
            constructor.notes.sizes[id(part)] = str(start), str(size)
        elif isinstance(part, Parallel):
            for branch in part.branches:
                _note(branch.members, constructor, flows)


def _shape_over(part: Part, definition: ClassDefinition, channels: Channels | None, flows: Flows) -> str:
    """Return the shape of an output over the parameters of a class; nothing where it is the input's."""
    if channels is None or channels.tree is None:
        return ""
    text = _over(channels.tree, {each.key: each.identifier for each in definition.parameters})
    nodes = [(chain, node) for chain, node in zip(definition.instances, part.nodes, strict=True) if node is not None]
    unchanged = all(flows.input(node).shape == flows.output(node).shape for _, node in nodes)
    if text is None or len(text) > _LONGEST or (unchanged and not isinstance(part, Parallel)):
        return ""
    text = text if text.isidentifier() or text.isdigit() else f"({text})"
    extents = {(flows.input(chain).shape[1:], flows.output(node).shape[1:]) for chain, node in nodes}
    if all(len(after) == 0 for _, after in extents):
        return f"N x {text}"
    if all(after == (1, 1) for _, after in extents):
        return f"N x {text} x 1 x 1"
    same = all(before == after for before, after in extents)
    return f"N x {text} x H x W" if same else f"N x {text} x H' x W'"


def _child(name: str) -> str:
    return f"self.{name}" if name.isidentifier() else f'getattr(self, "{name}")'


def _over(tree: Any, names: Mapping[str, str]) -> str | None:
    if not set(names_of(tree)) <= names.keys():
        return None
    return as_python(tree, names.__getitem__, literal)


def _unknown(definition: ClassDefinition, flows: Flows, name: str) -> Channels:
    return Channels(None, [MISSING] * len(definition.instances))


def _signature(parameters: Sequence[Parameter]) -> Text:
    items = ["self", *(_declared(parameter) for parameter in parameters)]
    return Call("def __init__(", tuple(items), ") -> None:")


def _declared(parameter: Parameter) -> str:
    kind = _kind(parameter)
    default = "" if parameter.default is MISSING else f" = {literal(parameter.default)}"
    return f"{parameter.identifier}: {kind}{default}"


def _kind(parameter: Parameter) -> str:
    """Return the annotation of a parameter."""
    known = [found for found in (*parameter.values, parameter.default) if found is not MISSING]
    kinds = dict.fromkeys(_type_of(found) for found in known)
    if "float" in kinds:
        kinds.pop("int", None)
    order = [kind for kind in kinds if kind != "None"]
    return " | ".join([*order, *(["None"] if "None" in kinds else [])])


def _type_of(found: Any) -> str:
    if found is None:
        return "None"
    if isinstance(found, TorchClass):
        return "type[nn.Module]"
    if isinstance(found, tuple):
        return f"tuple[{', '.join(_type_of(each) for each in found)}]"
    if isinstance(found, list):
        return f"list[{' | '.join(dict.fromkeys(_type_of(each) for each in found))}]"
    return type(found).__name__


def _docstring(paragraphs: Sequence[str], indent: int) -> str:
    margin = "    " * indent
    texts = [line for text in paragraphs for line in (textwrap.wrap(text, 113 - len(margin)) or [""])]
    texts = [text.replace("\\", "/").replace('"""', "'''") for text in texts]
    if len(texts) == 1:
        text = texts[0][:-1] + " " + texts[0][-1] if texts[0].endswith('"') else texts[0]
        return f'{margin}"""{text}"""'
    return "\n".join([f'{margin}"""{texts[0]}', *(f"{margin}{text}".rstrip() for text in texts[1:]), f'{margin}"""'])


def _constant(key: str, found: Any) -> Text:
    if isinstance(found, tuple | list):
        items = tuple(literal(each) for each in found)
        return prefixed(f"{key} = ", listed(items if len(items) != 1 else [f"{items[0]},"], "()"))
    return f"{key} = {literal(found)}"
