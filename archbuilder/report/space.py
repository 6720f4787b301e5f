"""A space on the screen: its sites, what its candidates cost, and how many are within the budget."""

from math import sqrt
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archbuilder.costs.quantities import QUANTITIES
from archbuilder.report.numbers import plural, short
from archbuilder.report.search import candidates_text
from archbuilder.searching.budget import WORDS, Cost
from archbuilder.searching.survey import Survey


def space_report(found: Survey) -> RenderableType:
    """Show what a survey found."""
    study = found.study
    sites = plural(len(study.space.sites), "site")
    heading = f"  {sites} · {candidates_text(study.space.candidates)} candidates of {study.spec.name}"
    return Group(
        Text.assemble((study.name, "bold"), heading), _sites(found), Text(), _costs(found), Text(), Text(_share(found))
    )


def space_as_data(found: Survey) -> dict[str, Any]:
    """Give what a survey found as plain data for scripts."""
    study = found.study
    return {
        "study": study.name,
        "candidates": study.space.candidates,
        "sites": {
            name: {"baseline": study.spec.widths[name], "widths": list(widths)}
            for name, widths in study.space.sites.items()
        },
        "budget": study.settings.budget.limits,
        "smallest": found.smallest,
        "baseline": found.baseline,
        "largest": found.largest,
        "priced": found.priced,
        "networks": found.networks,
        "inside": found.inside,
        "is_complete": found.is_complete,
    }


def _sites(found: Survey) -> Table:
    table = _table("site")
    table.add_column("baseline", justify="right", no_wrap=True)
    table.add_column("widths", no_wrap=True)
    for name, text in found.study.space.describe().items():
        table.add_row(Text(name), str(found.study.spec.widths[name]), text)
    return table


def _costs(found: Survey) -> Table:
    table = _table("")
    limits = found.study.settings.budget.limits
    for column in ("smallest", "baseline", "largest", "budget"):
        table.add_column(column, justify="right", no_wrap=True)
    for name in QUANTITIES:
        cells = [_cost(cost, name) for cost in (found.smallest, found.baseline, found.largest)]
        table.add_row(WORDS[name], *cells, short(limits[name]) if name in limits else "")
    return table


def _cost(cost: Cost | None, name: str) -> str:
    return "no network" if cost is None else short(cost[name])


def _share(found: Survey) -> str:
    share = found.inside / found.priced
    text = f"within the budget: {100 * share:.1f} %"
    if found.is_complete:
        text = f"{text} of all candidates"
    else:
        error = sqrt(share * (1 - share) / found.priced)
        text = f"{text} (± {100 * error:.1f}) of {found.priced:,} drawn at random"
    lost = found.priced - found.networks
    return text + (f"; {100 * lost / found.priced:.1f} % are no networks" if lost else "")


def _table(first: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(first, no_wrap=True)
    return table
