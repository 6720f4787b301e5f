"""The class of a block, or of a sequence: its constructor and its forward pass."""

from collections.abc import Callable, Sequence

from archbuilder.python_source.annotations import docstring, signature
from archbuilder.python_source.channels import Channels
from archbuilder.python_source.constructor import Constructor
from archbuilder.python_source.definitions import ClassDefinition
from archbuilder.python_source.expressions import MISSING, names_of, written
from archbuilder.python_source.flows import Flows
from archbuilder.python_source.forward import ForwardWriter, Place, Reading
from archbuilder.python_source.layout import call, lines
from archbuilder.python_source.loops import looped
from archbuilder.python_source.naming import LOCALS, identifier, unused
from archbuilder.python_source.pattern import Parallel, Part, children_of
from archbuilder.python_source.scope import Scope, literal
from archbuilder.python_source.statements import laid_out
from archbuilder.spec.blocks import Block

_LONGEST = 60  # of an expression in a comment
Namer = Callable[[str], str]
"""Returns how the file writes a class or function of torch, or of a plugin, by its full name."""


def block_class(
    definition: ClassDefinition, block: Block | None, flows: Flows, module_name: Namer, function: Namer
) -> str:
    """Write a class; its parameters and output are noted in the definition.

    Args:
        definition: The class.
        block: The block that it is, if it is one.
        flows: The flows of the plan.
        module_name: Returns how the file writes a torch class.
        function: Returns how the file writes a torch function.
    """
    instances = definition.instances
    inputs = [flows.input(chain).shape[0] for chain in instances]
    environments = [{**chain.arguments, "in": size} for chain, size in zip(instances, inputs, strict=True)]
    children = {child.name for chain in instances for child in children_of(chain.members)}
    constructor = Constructor(Scope(environments, block, LOCALS), flows, module_name, children)
    channels, present = Channels(("name", "in"), inputs), [True] * len(instances)
    first, last = ["        super().__init__()"], list[str]()
    if definition.is_sequential and definition.is_numbered:
        items, output = constructor.items(definition.members, True, channels, present)
        first, last = [], lines(call("super().__init__", *(items or ())), 2)
    else:
        outer = {name: Channels(None, [MISSING] * len(instances)) for name in instances[0].outer}
        known = {"input": channels, **outer}
        optional = not definition.is_sequential
        output = constructor.children(definition.members, channels, known, present, optional=optional)
    statements = looped(constructor.lines) if definition.is_sequential else constructor.lines
    body = [line for statement in statements for line in lines(statement.text, 2 + statement.level)]
    definition.output = output.tree
    definition.parameters = constructor.scope.parameters()
    base = "nn.Sequential" if definition.is_sequential else "nn.Module"
    text = [f"class {definition.name}({base}):", docstring([_description(definition, block)], 1), ""]
    text += [*lines(signature(definition.parameters), 1), *first, *body, *last]
    if not definition.is_sequential:
        text += ["", *_forward(definition, constructor, flows, function, present)]
    return "\n".join(text)


def _description(definition: ClassDefinition, block: Block | None) -> str:
    if block is not None and block.description:
        return f"{block.description.rstrip('.')}."
    first = definition.instances[0].name
    named = definition.label or ("" if first.isdigit() else first)
    return f"The {'block' if definition.label else 'layers of'} {named}." if named else "Layers side by side."


def _forward(
    definition: ClassDefinition, constructor: Constructor, flows: Flows, function: Namer, present: Sequence[bool]
) -> list[str]:
    outer: dict[str, str] = {}
    for name in definition.instances[0].outer:
        outer[name] = unused(identifier(name), {*outer.values(), *LOCALS})
    notes = constructor.notes

    def comment(part: Part) -> str:
        return _shape(part, definition, notes.channels.get(part), flows)

    reading = Reading(notes.flags, notes.sizes, comment, function, lambda part: None, lambda *_: None)
    writer = ForwardWriter(reading, ["x", *outer.values()])
    result = writer.run(definition.members, "x", Place("self", outer, present))
    arguments = "".join(f", {name}: Tensor" for name in outer.values())
    heading = f"    def forward(self, x: Tensor{arguments}) -> Tensor:"
    return [heading, *laid_out(writer.statements, 2, result)]


def _shape(part: Part, definition: ClassDefinition, channels: Channels | None, flows: Flows) -> str:
    """Return the shape of an output over the parameters of a class; nothing where it is the input's."""
    names = {each.key: each.identifier for each in definition.parameters}
    if channels is None or channels.tree is None or not set(names_of(channels.tree)) <= names.keys():
        return ""
    text = written(channels.tree, names.__getitem__, literal)
    nodes = [(chain, node) for chain, node in zip(definition.instances, part.nodes, strict=True) if node is not None]
    unchanged = all(flows.input(node).shape == flows.output(node).shape for _, node in nodes)
    if len(text) > _LONGEST or (unchanged and not isinstance(part, Parallel)):
        return ""
    text = text if text.isidentifier() or text.isdigit() else f"({text})"
    extents = {(flows.input(chain).shape[1:], flows.output(node).shape[1:]) for chain, node in nodes}
    if all(after == () for _, after in extents):
        return f"N x {text}"
    if all(after == (1, 1) for _, after in extents):
        return f"N x {text} x 1 x 1"
    same = all(before == after for before, after in extents)
    return f"N x {text} x H x W" if same else f"N x {text} x H' x W'"
