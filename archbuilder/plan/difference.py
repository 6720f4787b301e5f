"""What differs between two networks, layer by layer."""

from dataclasses import dataclass

from archbuilder.plan.plan import Plan, PlannedLayer


@dataclass(frozen=True)
class LayerDifference:
    """One layer that differs.

    Attributes:
        name: The layer's name.
        before: The layer in the first network; None where only the second has it.
        after: The layer in the second network; None where only the first has it.
        widths: The widths that differ, by key: what they were and what they are; None where one has no such width.
    """

    name: str
    before: PlannedLayer | None
    after: PlannedLayer | None
    widths: dict[str, tuple[int | None, int | None]]


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
            rows.append(LayerDifference(name, old, new, widths))
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


def _widths(layer: str, first: Plan, second: Plan) -> dict[str, tuple[int | None, int | None]]:
    old = {name: site.scaled for name, site in first.sites.items() if name.startswith(f"{layer}.")}
    new = {name: site.scaled for name, site in second.sites.items() if name.startswith(f"{layer}.")}
    names = [*new, *(name for name in old if name not in new)]
    changed = {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
    return {name.removeprefix(f"{layer}."): values for name, values in changed.items()}
