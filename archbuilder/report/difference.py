"""Differences between two networks as a table and as JSON data."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archbuilder.numbers import relative, short
from archbuilder.plan.difference import LayerDifference
from archbuilder.plan.plan import Plan, PlannedLayer
from archbuilder.primitives import shape_text
from archbuilder.report.bare_table import bare_table


def difference_table(first: Plan, second: Plan, rows: list[LayerDifference]) -> RenderableType:
    """Return a table of changes by layer: widths, shapes, parameters, MACs; and the totals."""
    if not rows:
        return Text("no layer differs")
    table = bare_table()
    table.add_column("layer", no_wrap=True)
    table.add_column("change")
    table.add_column("output", no_wrap=True)
    for column in ("parameters", "MACs"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        widths = [f"{key} {_count_text(old)} -> {_count_text(new)}" for key, (old, new) in row.widths.items()]
        others = [f"{key} {old} -> {new}" for key, (old, new) in row.others.items()]
        table.add_row(row.name, _change_text(row, ", ".join([*widths, *others])), _shapes(row), *_costs(row))
    total = Table.grid(padding=(0, 2))
    for word, old, new in (("parameters", first.parameters, second.parameters), ("MACs", first.macs, second.macs)):
        total.add_row(f"total {word}", f"{old:,} -> {new:,}", relative(old, new))
    return Group(table, Text(""), total)


def difference_as_data(first: Plan, second: Plan, rows: list[LayerDifference]) -> dict[str, Any]:
    """Return the differences as JSON data."""
    return {
        "parameters": [first.parameters, second.parameters],
        "macs": [first.macs, second.macs],
        "layers": [
            {
                "name": row.name,
                "before": _layer_as_data(row.before),
                "after": _layer_as_data(row.after),
                "widths": row.widths,
                "others": row.others,
            }
            for row in rows
        ],
    }


def _layer_as_data(layer: PlannedLayer | None) -> dict[str, Any] | None:
    """Return a layer as JSON data; None if a network lacks it."""
    if layer is None:
        return None
    return {
        "type": layer.type,
        "output": list(layer.output_shape),
        "parameters": layer.parameters,
        "macs": layer.macs,
    }


def _change_text(row: LayerDifference, changes: str) -> Text:
    """Format a change: added, removed, another type, or the given text."""
    if row.before is None:
        assert row.after is not None
        return Text(f"added: {row.after.type}", "green")
    if row.after is None:
        return Text(f"removed: {row.before.type}", "red")
    if row.before.type != row.after.type and not row.others:
        return Text(f"{row.before.type} -> {row.after.type}")
    return Text(changes)


def _shapes(row: LayerDifference) -> str:
    shapes = [shape_text(layer.output_shape) for layer in (row.before, row.after) if layer]
    return " -> ".join(dict.fromkeys(shapes))


def _costs(row: LayerDifference) -> tuple[str, str]:
    """Format parameters and MACs: before and after, or one number if the layer was added or removed."""
    old = row.before or row.after
    new = row.after or row.before
    assert old is not None
    assert new is not None
    if row.before is None or row.after is None:
        return f"{old.parameters:,}", short(old.macs)
    return _change(old.parameters, new.parameters), _change(old.macs, new.macs)


def _change(old: int, new: int) -> str:
    return f"{short(old)} -> {short(new)}" if old != new else short(new)


def _count_text(value: int | None) -> str:
    return "none" if value is None else str(value)
