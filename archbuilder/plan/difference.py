"""Differences between two networks, layer by layer."""

from dataclasses import dataclass

from archbuilder.plan.plan import NETWORK_INPUT, Plan, PlannedLayer, PlannedOp
from archbuilder.primitives import Merge, Primitive

_CHANNELS = {"out_channels", "out_features", "groups"}  # may change only because a width does


@dataclass(frozen=True)
class LayerDifference:
    """One layer that differs.

    Attributes:
        name: The layer's name.
        before: The layer in the first network; None where only the second has it.
        after: The layer in the second network; None where only the first has it.
        widths: The widths that differ, by key: what they were and what they are; None where one has no such width.
        others: Other differences, by key: kernels, strides, types, inputs and so on of operations at the same position,
            and the number of operations. If operations of the layer differ in different ways, the key starts with the
            name of the operation.
    """

    name: str
    before: PlannedLayer | None
    after: PlannedLayer | None
    widths: dict[str, tuple[int | None, int | None]]
    others: dict[str, tuple[str, str]]


def difference(first: Plan, second: Plan) -> list[LayerDifference]:
    """List the layers and heads whose operations differ, in the order of the second network.

    Layers are matched by name; those that the second network lacks are last. Two files that describe the same network
    have no differences, however they are written.
    """
    before = {layer.name: layer for layer in first.all_layers()}
    after = {layer.name: layer for layer in second.all_layers()}
    inputs = _Inputs(first, second)
    rows = []
    for name in [*after, *(name for name in before if name not in after)]:
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            rows.append(LayerDifference(name, old, new, _widths(name, first, second), {}))
        elif not _is_same(old, new, inputs):
            widths = _widths(name, first, second)
            others = (
                _other_changes(old, new, inputs, {*widths.values()}) if _type_names(old) == _type_names(new) else {}
            )
            rows.append(LayerDifference(name, old, new, widths, others))
    return rows


class _Inputs:
    """The inputs of the operations of two plans, by name."""

    def __init__(self, first: Plan, second: Plan) -> None:
        self._names = [
            {NETWORK_INPUT: "input"} | {op.index: op.name for layer in plan.all_layers() for op in layer.ops}
            for plan in (first, second)
        ]
        self._common = {*self._names[0].values()} & {*self._names[1].values()}

    def change(self, old: PlannedOp, new: PlannedOp) -> tuple[str, str] | None:
        """Return the inputs of two operations if they differ other than by operations that only one plan has."""
        old_names = [self._names[0][index] for index in old.inputs]
        new_names = [self._names[1][index] for index in new.inputs]
        is_same = len(old_names) == len(new_names) and all(
            one == other or not {one, other} <= self._common for one, other in zip(old_names, new_names, strict=True)
        )
        return None if is_same else (" + ".join(old_names), " + ".join(new_names))


def _is_same(old: PlannedLayer, new: PlannedLayer, inputs: _Inputs) -> bool:
    return len(old.ops) == len(new.ops) and all(
        _facts(one) == _facts(other) and inputs.change(one, other) is None
        for one, other in zip(old.ops, new.ops, strict=True)
    )


def _facts(op: PlannedOp) -> tuple[object, ...]:
    return op.name, type(op.op), vars(op.op), op.input_shapes, op.output_shape


def _type_names(layer: PlannedLayer) -> tuple[str, ...]:
    """Return the type of a layer; for a layer of one operation, the type of the operation."""
    return (layer.type,) if len(layer.ops) > 1 else tuple(op.op.type for op in layer.ops)


def _other_changes(
    old: PlannedLayer, new: PlannedLayer, inputs: _Inputs, widths: set[tuple[int | None, int | None]]
) -> dict[str, tuple[str, str]]:
    """Return what differs besides widths, by key; the arguments and the result are those of `LayerDifference`."""
    if len(old.ops) != len(new.ops):
        return {"operations": (f"{len(old.ops)}", f"{len(new.ops)}")}
    changes_by_key: dict[str, dict[str, tuple[str, str]]] = {}  # by key, then by operation
    for one, other in zip(old.ops, new.ops, strict=True):
        if one.name != other.name:
            changes_by_key.setdefault("name", {})[one.name] = (one.name, other.name)
        if change := inputs.change(one, other):
            changes_by_key.setdefault("input", {})[one.name] = change
        if type(one.op) is not type(other.op):
            changes_by_key.setdefault("operation", {})[one.name] = (one.op.type, other.op.type)
            continue
        before, after = vars(one.op), vars(other.op)
        for key in before:
            if before[key] != after[key] and not _follows_from_width(key, one, other, widths):
                changes_by_key.setdefault(_spec_key(one.op, key), {})[one.name] = (
                    _text(before[key]),
                    _text(after[key]),
                )
    changes = {}
    kinds = {op.name: type(op.op) for op in old.ops}
    for word, by_name in changes_by_key.items():
        changed = {kinds[name] for name in by_name}
        all_of_them = len(by_name) == sum(kind in changed for kind in kinds.values())
        for name, change in by_name.items():
            is_common = len({*by_name.values()}) == 1 and all_of_them
            changes[word if is_common else f"{name.removeprefix(f'{old.name}.')} {word}"] = change
    return changes


def _follows_from_width(key: str, old: PlannedOp, new: PlannedOp, widths: set[tuple[int | None, int | None]]) -> bool:
    """Return whether a number of channels, features or groups changed only because a width or the input did."""
    if key not in _CHANNELS:
        return False
    change = getattr(old.op, key), getattr(new.op, key)
    return change in widths or change == (old.input_shapes[0][0], new.input_shapes[0][0])


def _spec_key(op: Primitive | Merge, key: str) -> str:
    """Return the key of a field of an operation in a spec."""
    field = type(op).model_fields.get(key) if isinstance(op, Primitive) else None
    return (field.alias if field is not None else None) or key


def _text(value: object) -> str:
    """Format a value; a pair of equal numbers as one number."""
    while isinstance(value, tuple) and value and all(item == value[0] for item in value):
        value = value[0]
    return str(value)


def _widths(layer: str, first: Plan, second: Plan) -> dict[str, tuple[int | None, int | None]]:
    """Return the searchable widths of a layer that differ, by key, before and after."""
    old = {name: width.scaled for name, width in first.searchable_widths.items() if name.startswith(f"{layer}.")}
    new = {name: width.scaled for name, width in second.searchable_widths.items() if name.startswith(f"{layer}.")}
    names = [*new, *(name for name in old if name not in new)]
    changed = {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
    return {name.removeprefix(f"{layer}."): values for name, values in changed.items()}
