"""A spec that was scaled onto a budget, as a table and notes."""

from rich.table import Table

from archbuilder.budgets.budget import Cost, Limit, Limits
from archbuilder.budgets.scale import Scaled
from archbuilder.budgets.scaling import LARGEST_MULTIPLIER
from archbuilder.costs.quantities import QUANTITIES
from archbuilder.numbers import percent, plain, plural
from archbuilder.report.bare_table import bare_table
from archbuilder.report.study_texts import amount

_NEAR = 0.9  # of a budget: below it, somebody asks why


def scaled_heading(scaled: Scaled) -> str:
    """Describe what was scaled: `googlenet: 57 widths x 0.69 to 0.72`."""
    factors = " to ".join(dict.fromkeys(plain(factor, 3) for factor in scaled.factors))
    multiple = f", multiples of {scaled.multiple}" if scaled.multiple > 1 else ""
    measured = f" · latency of {scaled.conditions}" if scaled.conditions else ""
    return f"{scaled.before.name}: {plural(len(scaled.names), 'width')} x {factors}{multiple}{measured}"


def costs_table(costs: tuple[Cost, Cost], budget: Limits) -> Table:
    """Return a table of MACs, parameters and what is bounded: before, after, share and budget."""
    table = bare_table("")
    for column in ("before", "after", "share", "budget"):
        table.add_column(column, justify="right", no_wrap=True)
    before, after = costs
    limits = budget.by_quantity
    for name in dict.fromkeys(["macs", "parameters", *limits]):
        old, new = before[name], after[name]
        limit = _limit_text(name, limits[name]) if name in limits else ""
        table.add_row(QUANTITIES[name].noun, _amount_text(name, old), _amount_text(name, new), percent(new, old), limit)
    return table


def scaled_notes(scaled: Scaled) -> list[str]:
    """Return what a reader of the table may not expect."""
    if scaled.factors == (1, 1):
        return ["nothing wider is within the budget: the widths are those of the spec"]
    notes = []
    if scaled.limits.excess(scaled.costs[0]) <= 0:
        notes.append("the spec was within the budget already: it is scaled up to it")
    if max(scaled.factors) >= LARGEST_MULTIPLIER:
        notes.append(f"factors above {LARGEST_MULTIPLIER} are not tried")
    elif scaled.used < _NEAR:
        used = percent(scaled.used, 1)
        notes.append(f"it takes {used} of the budget: wider ones exceed it or are invalid; try another --multiple-of")
    return notes


def _amount_text(name: str, count: int) -> str:
    return amount(name, count) if QUANTITIES[name].is_time else f"{count:,}"


def _limit_text(name: str, limit: Limit) -> str:
    low = f"{_amount_text(name, limit.low)} to " if limit.low else ""
    return f"{low}{_amount_text(name, limit.high)}"
