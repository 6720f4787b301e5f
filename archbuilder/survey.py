"""A space looked over before anything is trained: what its candidates cost, and how many are within the budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Literal

import numpy as np

from archbuilder.budgets.budget import Budget, Cost, Limits, amounts_text
from archbuilder.budgets.latency import Measure, median_latency
from archbuilder.costs.quantities import QUANTITIES
from archbuilder.errors import ArchbuilderError
from archbuilder.study.hyperparameters import Values
from archbuilder.study.projection import on_budget
from archbuilder.study.study import Study

_DRAWS = 10_000  # at which a share is known to half a point (one standard error)
_PLANNED = 1000  # draws where each is planned, for a quantity that is not polynomial
_MADE = 100  # draws where nearly each is another network, even with the baseline's widths
_PROJECTED = 100  # draws that are projected onto a budget
_TIMED, _PROJECTED_IN_TIME = 20, 4  # draws that are measured, and that are projected onto a latency, which takes many
_BUSY = 1.2  # times the latency that a network had: something else runs now
_LARGEST_PERCENT = 100  # a smaller budget was probably meant as a share


@dataclass(frozen=True)
class Coverage:
    """How much of a space is within one budget.

    Attributes:
        within: How many of the candidates that were priced are within the budget, its latency apart.
        projectable: The share that can be projected onto it, of a hundred; of fewer if they are planned or measured.
        measured: Of how many candidates the latency was measured; 0 if none is bounded.
        fast: How many of those are within the budget, latency included.
    """

    budget: Budget
    within: int
    projectable: float
    measured: int = 0
    fast: int = 0


@dataclass(frozen=True)
class Survey:
    """What a space holds.

    Attributes:
        smallest: The cost with every width at its minimum, and of drawn choices those of fewest MACs; None if invalid.
            Of what is left out altogether so much is there as a network needs.
        largest: The cost with every width at its maximum, and of drawn choices those of most MACs; None if invalid.
        priced: How many candidates were priced.
        networks: How many of those are valid networks.
        coverages: Of each budget, how many of those are within it.
        is_complete: Whether these are all candidates, and not some that were drawn, each value by itself and evenly.
    """

    study: Study
    smallest: Cost | None
    baseline: Cost
    largest: Cost | None
    priced: int
    networks: int
    coverages: tuple[Coverage, ...]
    is_complete: bool


def survey(study: Study, *, draws: int = _DRAWS, seed: int = 0, measure: Measure | None = None) -> Survey:
    """Price candidates of a study: all, if there are no more than `draws`, else so many drawn at random.

    Args:
        study: The study; its latency known, if one is bounded and measured.
        draws: The most candidates that are priced.
        seed: Draws them.
        measure: Measures the latency of a few of them, if one is bounded; without it that is left out.

    Raises:
        ArchbuilderError: None of them is within a budget, and none can be projected onto it; the message names the
            nearest cost.
    """
    space, projections = study.space, _PROJECTED
    if not all(QUANTITIES[name].is_polynomial or QUANTITIES[name].count is None for name in study.bounded):
        draws, projections = min(draws, _PLANNED), _PROJECTED // 5
    if prod(len(parameter.values) for parameter in space.choice_parameters) > _MADE:
        draws = min(draws, _MADE)
    generator = np.random.default_rng(seed)
    drawn = list(islice(space.shuffled(generator, draws), draws))
    costs = [cost for cost in study.pricer.costs(drawn) if cost is not None]
    some = [drawn[n] for n in generator.choice(len(drawn), min(projections, len(drawn)), replace=False).tolist()]
    found = Survey(
        study=study,
        smallest=_end(study, 0, drawn, measure),
        baseline=study.baseline_cost,
        largest=_end(study, -1, drawn, measure),
        priced=len(drawn),
        networks=len(costs),
        coverages=tuple(_coverage(study, budget, costs, some, measure) for budget in study.budgets),
        is_complete=len(drawn) == space.candidates,
    )
    for coverage in found.coverages:
        if not (coverage.fast if coverage.measured else coverage.within) and not coverage.projectable:
            raise ArchbuilderError("\n  ".join(_out_of_reach(found, coverage, costs)))
    return found


def _coverage(
    study: Study, budget: Budget, costs: Sequence[Cost], some: Sequence[Values], measure: Measure | None
) -> Coverage:
    limits, pricer = budget.limits, study.pricer
    within = sum(limits.allows(cost) for cost in costs)
    if measure is None or "latency" not in limits.by_quantity:
        return Coverage(budget, within, _share(study, limits, some))
    fast, timed = 0, some[:_TIMED]
    for values, cost in zip(timed, pricer.costs(timed), strict=True):
        is_counted = cost is not None and limits.allows(cost)
        fast += is_counted and limits.allows({"latency": measure(pricer.plan(values))})
    projectable = _share(study, limits, some[:_PROJECTED_IN_TIME], measure)
    return Coverage(budget, within, projectable, len(timed), fast)


def _share(study: Study, limits: Limits, some: Sequence[Values], measure: Measure | None = None) -> float:
    """Return the share of candidates that can be projected onto limits."""
    return sum(on_budget(study.pricer, values, limits, measure) is not None for values in some) / len(some)


def _end(study: Study, end: Literal[0, -1], drawn: Sequence[Values], measure: Measure | None) -> Cost | None:
    """Return the cost of the narrowest candidate, or of the widest, over the choices that were drawn."""
    choices = {tuple(study.space.structure(values).values()): values for values in drawn}
    found = [at_end for values in choices.values() if (at_end := _at_end(study, end, values)) is not None]
    if not found:
        return None
    values, cost = (min if end == 0 else max)(found, key=lambda candidate: candidate[1]["macs"])
    return cost if measure is None else {**cost, "latency": median_latency(measure, study.pricer.plan(values))}


def _at_end(study: Study, end: Literal[0, -1], like: Values) -> tuple[Values, Cost] | None:
    """Return the narrowest candidate with the choices of another, or the widest, and its cost; None if invalid.

    Where nothing of a layer would be left, so much is there as a network needs.
    """
    pricer, parameters = study.pricer, study.space.width_parameters
    values = {**like, **{parameter.name: parameter.values[end] for parameter in parameters}}
    if pricer.cost(values) is None:
        filled = on_budget(pricer, values, Limits({}))
        if filled is None:
            return None
        values = filled[0]
        for parameter in parameters:
            without = {**values, parameter.name: parameter.values[0]}
            if parameter.sizes[0] == 0 and pricer.cost(without) is not None:
                values = without
    cost = pricer.cost(values)
    return None if cost is None else (values, cost)


def check_reachable(study: Study, measure: Measure | None = None) -> None:
    """Check, before anything is trained, that some candidate can be projected onto each budget.

    Raises:
        ArchbuilderError: None was found; the message names the nearest cost.
    """
    baseline = study.space.values_of(study.spec)
    drawn = islice(study.space.shuffled(np.random.default_rng(0), _PROJECTED), _PROJECTED)
    some = [*([] if baseline is None else [baseline]), *drawn]
    for budget in study.budgets:
        projected = (on_budget(study.pricer, values, budget.limits) for values in some)
        reached = next((found for found in projected if found is not None), None)
        if reached is None:
            survey(study)  # says so, unless its many more draws find one
        elif measure is not None:
            _check_latency(study, budget, reached[0], measure)


def _check_latency(study: Study, budget: Budget, values: Values, measure: Measure) -> None:
    """Check that a candidate, or the narrowest or the widest there is, can be projected onto a latency."""
    ends = [found[0] for end in (0, -1) if (found := _at_end(study, end, values)) is not None]
    if any(on_budget(study.pricer, one, budget.limits, measure) is not None for one in (values, *ends)):
        return
    times = [measure(study.pricer.plan(one)) for one in ends]
    about = f"{budget.name}, " if budget.name else ""
    measured = " to ".join(f"{time:,}" for time in sorted(set(times))) or "no"
    own, now = study.latency or 0, median_latency(measure, study.spec.plan())
    busy = f"it now takes {now:,}: the machine is busier than before; try again when it is idle"
    lines = [
        f"{study.source.name}: no candidate can be projected onto {about}{budget.limits.text()}",
        f"from the narrowest to the widest candidate, {measured} {QUANTITIES['latency'].noun} were measured just now; "
        f"the baseline has {own:,}",
        *([busy] if now > _BUSY * own else _overhead(min(times, default=0), own)),
    ]
    raise ArchbuilderError("\n  ".join(lines))


def _overhead(least: int, own: int) -> list[str]:
    """Say why narrower networks are hardly faster, if they are not."""
    if not 0.8 * own <= least <= _BUSY * own:
        return []
    return [
        "narrower networks are hardly faster here: most of the time is the overhead of each layer; bound macs, or "
        "measure larger batches with latency: {batch_size: 64}"
    ]


def _out_of_reach(found: Survey, coverage: Coverage, costs: Sequence[Cost]) -> list[str]:
    """Say that nothing is within a budget, and how near the nearest candidate comes."""
    limits, name = coverage.budget.limits, coverage.budget.name
    what = f"none of {found.priced:,} candidate{'' if found.priced == 1 else 's'}"
    drawn = "" if found.is_complete else " drawn at random"
    about = f"the budget{f' {name},' if name else ' of'} {limits.text()}"
    likely = [limit.high for limit in limits.by_quantity.values() if limit.high <= _LARGEST_PERCENT]
    lines = [
        f"{found.study.source.name}: {what}{drawn} is within {about}, and none can be projected onto it",
        *(f"did you mean {percent}%, a share of the baseline?" for percent in likely),
    ]
    ends = {end: cost for end, cost in (("smallest", found.smallest), ("largest", found.largest)) if cost is not None}
    end_lines = [f"the {end} has {amounts_text(limits.of(cost))}" for end, cost in ends.items()]
    if coverage.measured:
        own, least = found.baseline.get("latency", 0), (found.smallest or {}).get("latency", 0)
        return [*lines, f"the baseline has {amounts_text({'latency': own})}", *end_lines, *_overhead(least, own)]
    nearest = min([*costs, *ends.values()], key=lambda cost: max(limits.excess(cost), limits.lack(cost)), default=None)
    if nearest is None:
        return [*lines, "none of them is a valid network"]
    return [*lines, f"the nearest has {amounts_text(limits.of(nearest))}", *end_lines]
