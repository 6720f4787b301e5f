"""The tensors of a plan's state dict, without torch: their shapes, and which of them are classifiers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archbuilder.plan.plan import NETWORK_INPUT, Plan, PlannedOp
from archbuilder.primitives import Merge, Primitive, Shape
from archbuilder.primitives.facts import New


@dataclass(frozen=True)
class StateShapes:
    """What a network's state dict holds.

    Attributes:
        name: The network's name.
        shapes: The shape of each tensor by its key.
        heads: The names of the auxiliary heads.
        classifiers: The names of the layers whose outputs are the classes, of the network and of its heads; norms right
            behind such a layer are among them.
        classes: The number of classes; None where the network ends in a map.
    """

    name: str
    shapes: Mapping[str, Shape]
    heads: tuple[str, ...]
    classifiers: tuple[str, ...]
    classes: int | None


def state_shapes(plan: Plan) -> StateShapes:
    """Return the shapes of the tensors of a plan's state dict, heads included."""
    ops = [op for layer in plan.all_layers() for op in layer.ops]
    shapes = {
        f"{op.name}.{weight.name}".rstrip("."): weight.shape
        for op in ops
        if isinstance(op.op, Primitive)
        for weight in op.op.weights(op.input_shapes[0])
        if weight.saved
    }
    heads = tuple(head.name for head in plan.heads)
    return StateShapes(plan.name, shapes, heads, classifiers(plan), plan.class_count)


def classifiers(plan: Plan) -> tuple[str, ...]:
    """Return the names of the layers whose outputs are the classes, as in `StateShapes`; none for `output: map`."""
    if plan.class_count is None:
        return ()
    found: dict[str, None] = {}
    for ops in (plan.ops, *(head.layer.ops for head in plan.heads)):
        if ops:
            found |= dict.fromkeys(_giving_output(ops))
    return tuple(found)


def _giving_output(ops: Iterable[PlannedOp]) -> list[str]:
    """Return the layers with weights, from the last op back to those that make its channels."""
    by_index = {op.index: op for op in ops}
    found, waiting, seen = [], [list(by_index)[-1]], set[int]()
    while waiting:
        index = waiting.pop()
        if index == NETWORK_INPUT or index not in by_index or index in seen:
            continue
        seen.add(index)
        op = by_index[index]
        if isinstance(op.op, Merge):
            waiting += op.inputs
            continue
        if op.op.weights(op.input_shapes[0]):
            found.append(op.name)
        if not isinstance(op.op.channels(op.input_shapes[0], op.output_shape), New):
            waiting += op.inputs
    return found
