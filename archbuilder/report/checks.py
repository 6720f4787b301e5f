"""Tables of the comparison of a plan with independent counters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archbuilder.crosscheck.check import CrossCheck
from archbuilder.crosscheck.fvcore_count import CountDifference
from archbuilder.report.bare_table import bare_table

_SHOWN = 20  # differences of a counter that are listed; the rest are counted


def checks_table(check: CrossCheck) -> RenderableType:
    """Return a table with a row for each counter, its differences from the plan, and operators that it skips."""
    table = _table("left", "counter", "counts", plan="right", counted="right", verdict="left")
    for row in check.checks:
        verdict = Text("equal", "green") if row.equal else Text("DIFFERENT", "bold red")
        table.add_row(row.counter, row.counts, f"{row.planned:,}", f"{row.counted:,}", verdict)
    parts: list[RenderableType] = [table]
    for row in check.checks:
        if row.differences:
            parts += [Text(f"{row.counter}:"), *differences_table(row.differences, "counted")]
    for row in check.checks:
        if row.unsupported:
            names = operators_text(row.unsupported)
            parts.append(Text(f"not counted by {row.counter}, which has no rule for them: {names}", "dim"))
    return Group(*parts)


def checks_as_data(check: CrossCheck) -> dict[str, Any]:
    """Return the checks as JSON data, with all differences."""
    return {
        "name": check.name,
        "equal": check.equal,
        "checks": [
            {
                "counter": row.counter,
                "counts": row.counts,
                "planned": row.planned,
                "counted": row.counted,
                "equal": row.equal,
                "differences": [vars(difference) for difference in row.differences],
                "unsupported": dict(row.unsupported),
            }
            for row in check.checks
        ],
    }


def differences_table(differences: Sequence[CountDifference], counter: str) -> Iterator[RenderableType]:
    """Return a table of the first differences between a counter and the plan."""
    table = _table("left", "module", "operator", plan="right", **{counter: "right"})
    for difference in differences[:_SHOWN]:
        table.add_row(difference.module, difference.operator, f"{difference.planned:,}", f"{difference.counted:,}")
    yield table
    if len(differences) > _SHOWN:
        yield Text(f"and {len(differences) - _SHOWN:,} more")


def operators_text(times: Mapping[str, int]) -> str:
    """Format operators with their counts: `max_pool2d (13)`."""
    return ", ".join(f"{name.removeprefix('aten::')} ({count})" for name, count in sorted(times.items()))


def _table(first: str, *left: str, **others: str) -> Table:
    table = bare_table()
    for column, justify in (*((name, first) for name in left), *others.items()):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    return table
