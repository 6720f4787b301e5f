"""What differs between two networks, layer by layer."""

from dataclasses import dataclass

from archbuilder.plan.plan import Plan, PlannedLayer
from archbuilder.primitives import Merge, Primitive

_CHANNELS = {"out_channels", "out_features", "groups"}  # what widths say


@dataclass(frozen=True)
class LayerDifference:
    """One layer that differs.

    Attributes:
        name: The layer's name.
        before: The layer in the first network; None where only the second has it.
        after: The layer in the second network; None where only the first has it.
        widths: The widths that differ, by key: what they were and what they are; None where one has no such width.
        others: What else differs, by key: kernels, strides, types and the like of operations that stand in the same
            place, behind an operation's name where several changed otherwise; and of how many operations the layer is
            made.
    """

    name: str
    before: PlannedLayer | None
    after: PlannedLayer | None
    widths: dict[str, tuple[int | None, int | None]]
    others: dict[str, tuple[str, str]]


def difference(first: Plan, second: Plan) -> list[LayerDifference]:
    """List the layers and heads that differ in type, widths, shape or cost, in the order of the second network.

    Layers are matched by name. Those that the second network lacks stand at the end.
    """
    before = {layer.name: layer for layer in first.all_layers()}
    after = {layer.name: layer for layer in second.all_layers()}
    rows = []
    for name in [*after, *(name for name in before if name not in after)]:
        old, new = before.get(name), after.get(name)
        widths = _widths(name, first, second)
        if widths or old is None or new is None or _facts(old) != _facts(new):
            others = {} if old is None or new is None or old.type != new.type else _others(old, new)
            rows.append(LayerDifference(name, old, new, widths, others))
    return rows


def _facts(layer: PlannedLayer) -> tuple[object, ...]:
    kinds = [(op.op, op.input_shapes, op.output_shape) for op in layer.ops]
    return (
        layer.type,
        layer.output_shape,
        layer.parameters,
        layer.macs,
        [(type(op), vars(op), i, o) for op, i, o in kinds],
    )


def _others(old: PlannedLayer, new: PlannedLayer) -> dict[str, tuple[str, str]]:
    if len(old.ops) != len(new.ops):
        return {"operations": (f"{len(old.ops)}", f"{len(new.ops)}")}
    found: dict[str, dict[str, tuple[str, str]]] = {}  # by what it is, then by operation
    for one, other in zip(old.ops, new.ops, strict=True):
        if type(one.op) is not type(other.op):
            found.setdefault("operation", {})[one.name] = (one.op.type, other.op.type)
            continue
        before, after = vars(one.op), vars(other.op)
        for key in before:
            if before[key] != after[key] and key not in _CHANNELS:
                found.setdefault(_word(one.op, key), {})[one.name] = (_text(before[key]), _text(after[key]))
    changes = {}
    for word, by_name in found.items():
        for name, change in by_name.items():
            alike = len({*by_name.values()}) == 1
            changes[word if alike else f"{name.removeprefix(f'{old.name}.')} {word}"] = change
    return changes


def _word(op: Primitive | Merge, key: str) -> str:
    """Give what a spec calls a field of an operation."""
    field = type(op).model_fields.get(key) if isinstance(op, Primitive) else None
    return (field.alias if field is not None else None) or key


def _text(value: object) -> str:
    """Write a value; one number where it is the same in all directions."""
    while isinstance(value, tuple) and value and all(item == value[0] for item in value):
        value = value[0]
    return str(value)


def _widths(layer: str, first: Plan, second: Plan) -> dict[str, tuple[int | None, int | None]]:
    old = {name: site.scaled for name, site in first.sites.items() if name.startswith(f"{layer}.")}
    new = {name: site.scaled for name, site in second.sites.items() if name.startswith(f"{layer}.")}
    names = [*new, *(name for name in old if name not in new)]
    changed = {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
    return {name.removeprefix(f"{layer}."): values for name, values in changed.items()}
