"""A breakdown of a network's costs: as a table, as plain data, and as CSV."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from archbuilder.costs.breakdown import CostRow
from archbuilder.costs.options import By
from archbuilder.numbers import percent, short
from archbuilder.plan.plan import Plan
from archbuilder.primitives import shape_text
from archbuilder.report.bare_table import bare_table

_BAR = 24  # cells of a bar that is the whole network
_SHORTEST_BAR = 8
_GAP = 2  # cells between columns


@dataclass(frozen=True)
class _Column:
    """A column of the table.

    Attributes:
        title: Its heading.
        cells: Its cells.
        justify: Their alignment.
        drop_order: On a narrow terminal, columns are dropped in this order; None is never dropped.
    """

    title: str
    cells: list[str]
    justify: Literal["left", "right"] = "right"
    drop_order: int | None = None

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.title, *self.cells)))


def print_breakdown(screen: Console, plan: Plan, by: By, rows: list[CostRow]) -> None:
    """Print the rows of evaluation with their share of the MACs; a narrow terminal gets fewer columns."""
    evaluated = [row for row in rows if not row.training_only]
    columns = _columns(plan, by, evaluated)
    if not screen.is_terminal:
        screen.width = max(screen.width, _width(columns) + _GAP + _BAR)
    while _width(columns) > screen.width and (droppable := [one for one in columns if one.drop_order is not None]):
        columns.remove(min(droppable, key=lambda one: one.drop_order or 0))
    table = bare_table(gap=_GAP)
    for column in columns:
        # Only names may wrap: in a table that is too wide, rich would truncate all columns that may not.
        name = column is columns[0]
        min_width = None if name else column.width
        table.add_column(column.title, justify=column.justify, no_wrap=not name, min_width=min_width, overflow="fold")
    cells = min(_BAR, screen.width - _width(columns) - _GAP)
    if cells >= _SHORTEST_BAR:
        table.add_column("", no_wrap=True)
    for position, row in enumerate(evaluated):
        bar = "█" * round(cells * row.macs / plan.macs) if plan.macs else ""
        texts = [Text(column.cells[position]) for column in columns]
        table.add_row(*texts, *([Text(bar, style="cyan")] if cells >= _SHORTEST_BAR else []))
    screen.print(table)


def _width(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def _columns(plan: Plan, by: By, rows: list[CostRow]) -> list[_Column]:
    """Return the columns of the table, from left to right."""
    columns = [
        _Column(by.value, [row.name for row in rows], "left"),
        _Column("type" if by in {By.LAYER, By.OP} else "", [row.what for row in rows], "left", drop_order=3),
    ]
    if by is not By.OPERATOR:
        geometries = [row.geometry for row in rows]
        columns += [
            _Column("output", [shape_text(row.output_shape or ()) for row in rows], drop_order=4),
            _Column("field", [_pair_text(one.receptive_field) if one else "" for one in geometries], drop_order=2),
            _Column("stride", [_pair_text(one.stride) if one else "" for one in geometries], drop_order=1),
        ]
    return [
        *columns,
        _Column("parameters", [f"{row.parameters:,}" for row in rows], drop_order=6),
        _Column("activations", [f"{row.activations:,}" for row in rows], drop_order=5),
        _Column("MACs", [short(row.macs) if row.macs else "0" for row in rows]),
        _Column("share", [percent(row.macs, plan.macs) if row.macs else "" for row in rows], drop_order=7),
    ]


def _pair_text(pair: tuple[float, float]) -> str:
    return f"{pair[0]:g}" if pair[0] == pair[1] else f"{pair[0]:g} x {pair[1]:g}"


def rows_as_data(rows: list[CostRow]) -> list[dict[str, Any]]:
    """Return rows as JSON data."""
    return [
        {
            "name": row.name,
            "what": row.what,
            "parameters": row.parameters,
            "macs": row.macs,
            "flops": row.flops,
            "activations": row.activations,
            "output": list(row.output_shape) if row.output_shape else None,
            "receptive_field": list(row.geometry.receptive_field) if row.geometry else None,
            "stride": list(row.geometry.stride) if row.geometry else None,
            "training_only": row.training_only,
        }
        for row in rows
    ]


def rows_as_csv(rows: list[CostRow]) -> str:
    """Format rows as CSV: a header, then exact integers; shapes and pairs are written `64 x 112 x 112`."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    data = rows_as_data(rows)
    writer.writerow(data[0] if data else [])
    for row in data:
        writer.writerow([_csv_cell(value) for value in row.values()])
    return text.getvalue()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return shape_text(tuple(value)) if isinstance(value, list) else value  # csv writes None as an empty cell
