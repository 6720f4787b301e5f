"""A pruned network: what it costs, and what was cut where."""

from rich.console import Group, RenderableType
from rich.table import Table

from archbuilder.numbers import percent, plural
from archbuilder.pruning import Pruned
from archbuilder.report.bare_table import bare_table
from archbuilder.report.scale import costs_table
from archbuilder.weights import Cuts

_BAR = 24  # cells of the widest


def pruned_heading(pruned: Pruned) -> str:
    """Describe what was pruned: `inception_digits: 10 of 27 widths narrower, by magnitude`."""
    changed = sum(after < before for before, after in pruned.cuts.values())
    measured = f" · latency of {pruned.conditions}" if pruned.conditions else ""
    widths = plural(len(pruned.cuts), "width")
    return f"{pruned.before.name}: {changed} of {widths} narrower, by {pruned.importance.name}{measured}"


def pruned_tables(pruned: Pruned) -> RenderableType:
    """Return the costs before and after, and a bar for every width."""
    return Group(costs_table(pruned.costs, pruned.limits), "", cuts_table(pruned.cuts))


def cuts_table(cuts: Cuts) -> Table:
    """Return a table of widths before and after, with a bar: what is left of it, and what was cut."""
    table = bare_table("width")
    for column in ("before", "after", "share"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("")
    widest = max((before for before, _ in cuts.values()), default=1)
    for name, (before, after) in cuts.items():
        if before:
            table.add_row(name, f"{before:,}", f"{after:,}", percent(after, before), _bar(before, after, widest))
    return table


def pruned_notes(pruned: Pruned) -> list[str]:
    """Return what a reader of the tables may not expect: widths that cannot be pruned, and why."""
    reasons: dict[str, list[str]] = {}
    for name, why in pruned.fixed.items():
        reasons.setdefault(why, []).append(name)
    notes = [f"not pruned: {', '.join(names)}: {why}" for why, names in reasons.items()]
    if not any(after < before for before, after in pruned.cuts.values()):
        notes.append("the network was within the budget already: nothing was cut")
    return notes


def _bar(before: int, after: int, widest: int) -> str:
    whole = max(1, round(_BAR * before / widest))
    left = max(1, round(whole * after / before)) if after else 0
    return "█" * left + "░" * (whole - left)
