"""A search space on the screen: its hyperparameters, the costs of its candidates, and the share within the budget."""

from math import sqrt
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archbuilder.budgets.budget import Cost
from archbuilder.numbers import plural
from archbuilder.report.bare_table import bare_table
from archbuilder.report.study_texts import amount, candidates_text, cost_name, widths_texts
from archbuilder.study.hyperparameters import Hyperparameter, values_text
from archbuilder.study.space import settings_of
from archbuilder.study.study import Study
from archbuilder.survey import Coverage, Survey

_ROOM = 80
_NAME = 36  # cells of the column of names, if a name is so long


def space_report(found: Survey) -> RenderableType:
    """Return the report of a survey of a search space."""
    study = found.study
    what = " · ".join([*widths_texts(study), candidates_text(study.space.candidates)])
    heading = f"  {what} of {study.spec.name}"
    shares = [Text(_share_text(found, coverage)) for coverage in found.coverages]
    if study.conditions:
        shares.append(Text(f"latency: median, measured with {study.conditions}"))
    return Group(
        Text.assemble((study.name, "bold"), heading),
        _hyperparameter_table(found),
        Text(),
        _cost_table(found),
        Text(),
        *shares,
    )


def space_as_data(found: Survey) -> dict[str, Any]:
    """Return a survey of a search space as JSON data."""
    study = found.study
    return {
        "study": study.name,
        "candidates": study.space.candidates,
        "hyperparameters": {
            parameter.name: _hyperparameter_as_data(study, parameter) for parameter in study.space.hyperparameters
        },
        "budgets": {
            coverage.budget.name or "budget": {
                "limits": coverage.budget.limits.described(),
                "within": coverage.within,
                "projectable": coverage.projectable,
                **({"measured": coverage.measured, "fast": coverage.fast} if coverage.measured else {}),
            }
            for coverage in found.coverages
        },
        **({"latency_measured_with": study.conditions} if study.conditions else {}),
        "smallest": found.smallest,
        "baseline": found.baseline,
        "largest": found.largest,
        "priced": found.priced,
        "networks": found.networks,
        "is_complete": found.is_complete,
    }


def _hyperparameter_as_data(study: Study, parameter: Hyperparameter) -> dict[str, Any]:
    values: dict[str, Any] = {"values": list(parameter.values)}
    if parameter.is_width:
        values = {"widths": dict(zip(parameter.names, parameter.table.T.tolist(), strict=True))}
    return {"baseline": settings_of(study.spec, parameter.names), **values}


def _hyperparameter_table(found: Survey) -> Table:
    """Return the table of hyperparameters; long names and values are wrapped, not truncated."""
    study = found.study
    table = bare_table()
    table.add_column(
        "hyperparameter",
        overflow="fold",
        min_width=min(_NAME, max(len(parameter.name) for parameter in study.space.hyperparameters)),
    )
    table.add_column("baseline", justify="right", no_wrap=True, min_width=len("baseline"))
    table.add_column("values", overflow="fold")
    for parameter in study.space.hyperparameters:
        baseline_values = set(settings_of(study.spec, parameter.names).values())
        what = "width" if parameter.is_width else "value"
        one = values_text(list(baseline_values)) if baseline_values else "—"
        baseline = one if len(baseline_values) < 2 else plural(len(parameter.names), what)
        table.add_row(Text(parameter.name), baseline, parameter.text)
    return table


def _cost_table(found: Survey) -> Table:
    """Return the table of the costs of the smallest network, the baseline and the largest, with budgets."""
    budgets = [coverage.budget for coverage in found.coverages]
    bounded = [name for budget in budgets for name in budget.limits.by_quantity]
    rows = [("", "smallest", "baseline", "largest", *(budget.name or "budget" for budget in budgets))]
    for name in dict.fromkeys([*found.baseline, *bounded]):
        cells = [_cost_text(cost, name) for cost in (found.smallest, found.baseline, found.largest)]
        limits = [budget.limits.by_quantity.get(name) for budget in budgets]
        rows.append((cost_name(name), *cells, *(amount(name, limit.high) if limit else "" for limit in limits)))
    if sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True)) - 2 > _ROOM:
        rows = list(zip(*rows, strict=True))  # many budgets stand below one another
    table = bare_table("")
    for column in rows[0][1:]:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    return table


def _cost_text(cost: Cost | None, name: str) -> str:
    if cost is None:
        return "invalid"
    return amount(name, cost[name]) if name in cost else "not measured"


def _share_text(found: Survey, coverage: Coverage) -> str:
    """Format the share of candidates within a budget, and the share that can be projected onto it."""
    about = f"within {coverage.budget.name or 'the budget'}"
    if coverage.measured:
        text = f"{about}: {_percent_text(coverage.fast, coverage.measured)} of {coverage.measured} measured candidates"
    elif found.is_complete:
        text = f"{about}: {100 * coverage.within / found.priced:.1f} % of all candidates"
    else:
        text = f"{about}: {_percent_text(coverage.within, found.priced)} of {found.priced:,} random candidates"
    if "latency" in coverage.budget.limits.by_quantity and not coverage.measured:
        text = f"{text}, latency not measured"
    invalid = found.priced - found.networks
    text += f"; invalid: {100 * invalid / found.priced:.1f} %" if invalid else ""
    return f"{text}; can be projected onto it: {100 * coverage.projectable:.0f} %"


def _percent_text(some: int, whole: int) -> str:
    """Format a share of a sample with its standard error."""
    share = some / whole
    return f"{100 * share:.1f} ± {100 * sqrt(share * (1 - share) / whole):.1f} %"
