"""A space looked over before anything is trained: what its candidates cost, and how many are within the budget."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Literal

import numpy as np

from archbuilder.costs.function import Prices
from archbuilder.costs.quantities import QUANTITIES
from archbuilder.errors import ArchbuilderError
from archbuilder.study.budget import Budget, Cost, amounts_text
from archbuilder.study.hyperparameters import Values
from archbuilder.study.latency import Measure, median_latency, projected_onto_latency
from archbuilder.study.pricing import Position, Variant
from archbuilder.study.projection import filled, projected
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
    prices = _prices(study, drawn)
    some = [drawn[n] for n in generator.choice(len(drawn), min(projections, len(drawn)), replace=False).tolist()]
    found = Survey(
        study=study,
        smallest=_end(study, 0, drawn, measure),
        baseline=study.baseline_cost,
        largest=_end(study, -1, drawn, measure),
        priced=len(drawn),
        networks=int(prices.is_valid.sum()),
        coverages=tuple(_coverage(study, budget, prices, some, measure) for budget in study.budgets),
        is_complete=len(drawn) == space.candidates,
    )
    for coverage in found.coverages:
        if not (coverage.fast if coverage.measured else coverage.within) and not coverage.projectable:
            raise ArchbuilderError("\n  ".join(_out_of_reach(found, coverage, prices)))
    return found


def check_reachable(study: Study, measure: Measure | None = None) -> None:
    """Check, before anything is trained, that some candidate can be projected onto each budget.

    Raises:
        ArchbuilderError: None was found; the message names the nearest cost.
    """
    baseline = study.space.values_of(study.spec)
    drawn = islice(study.space.shuffled(np.random.default_rng(0), _PROJECTED), _PROJECTED)
    some = [*([] if baseline is None else [baseline]), *drawn]
    for budget in study.budgets:
        if not budget.limits.by_quantity:
            continue
        reached = next((found for values in some if (found := _projected(study, budget, values)) is not None), None)
        if reached is None:
            survey(study)  # says so, unless its many more draws find one
        elif measure is not None:
            _check_latency(study, budget, *reached, measure)


def _projected(study: Study, budget: Budget, values: Values) -> tuple[Variant, Position] | None:
    variant = study.pricer.variant(values)
    position = None if variant is None else projected(variant, study.pricer.position(values), budget.limits)
    return None if variant is None or position is None else (variant, position)


def _check_latency(study: Study, budget: Budget, variant: Variant, position: Position, measure: Measure) -> None:
    """Check that a candidate, or the narrowest or the widest there is, can be projected onto a latency."""
    ends = [filled(variant, np.array([end * (len(p.values) - 1) for p in variant.parameters])) for end in (0, 1)]
    for start in (position, *ends):
        within = projected(variant, start, budget.limits)
        if within is not None and projected_onto_latency(variant, within, budget.limits, measure) is not None:
            return
    times = [measure(plan) for end in ends if (plan := variant.plan(end)) is not None]
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


def _end(study: Study, end: Literal[0, -1], drawn: Iterable[Values], measure: Measure | None) -> Cost | None:
    """Return the cost of the narrowest candidate, or of the widest, over the choices that were drawn."""
    widths = {parameter.name: parameter.values[end] for parameter in study.space.width_parameters}
    candidates = {tuple(study.space.structure(values).values()): {**values, **widths} for values in drawn}
    found = [network for values in candidates.values() if (network := _network(study, values)) is not None]
    if not found:
        return None
    cost, variant, position = (min if end == 0 else max)(found, key=lambda network: network[0]["macs"])
    plan = None if measure is None else variant.plan(position)
    return cost if plan is None or measure is None else {**cost, "latency": median_latency(measure, plan)}


def _network(study: Study, values: Values) -> tuple[Cost, Variant, Position] | None:
    """Return the cost of a candidate, and itself; where nothing of a layer is left, so much is there as it needs."""
    variant, position = study.pricer.variant(values), study.pricer.position(values)
    if variant is None:
        return None
    if not variant.price(position[None]).is_valid[0]:
        position = filled(variant, position)
        for column, parameter in enumerate(variant.parameters):  # leave out what a network does without
            without = position.copy()
            without[column] = 0
            if parameter.sizes[0] == 0 and variant.price(without[None]).is_valid[0]:
                position = without
    prices = variant.price(position[None])
    return (prices.row(0), variant, position) if prices.is_valid[0] else None


def _prices(study: Study, drawn: Sequence[Values]) -> Prices:
    """Price candidates, those together that are made in the same way."""
    groups: dict[Variant | None, list[int]] = {}
    for number, values in enumerate(drawn):
        groups.setdefault(study.pricer.variant(values), []).append(number)
    counted = [name for name in study.baseline_cost if QUANTITIES[name].count is not None]
    prices = Prices({name: np.zeros(len(drawn), np.int64) for name in counted}, np.zeros(len(drawn), bool))
    for variant, numbers in groups.items():
        if variant is not None:
            rows = np.array([study.pricer.position(drawn[number]) for number in numbers])
            found = variant.price(rows.reshape(len(numbers), -1))
            prices.is_valid[numbers] = found.is_valid
            for name, counts in found.counts.items():
                prices.counts[name][numbers] = counts
    return prices


def _coverage(
    study: Study, budget: Budget, prices: Prices, some: Sequence[Values], measure: Measure | None
) -> Coverage:
    limits = budget.limits
    within = int((prices.is_valid & limits.allows(prices.counts)).sum())
    reached = [_projected(study, budget, values) for values in some]
    if measure is None or "latency" not in limits.by_quantity:
        return Coverage(budget, within, sum(found is not None for found in reached) / len(reached))
    timed, fast, few = some[:_TIMED], 0, reached[:_PROJECTED_IN_TIME]
    for values in timed:
        cost = study.pricer.cost(values)
        is_counted = cost is not None and limits.allows(cost)
        fast += is_counted and limits.allows({"latency": measure(study.pricer.plan(values))})
    moved = [found and projected_onto_latency(*found, limits, measure) for found in few]
    return Coverage(budget, within, sum(found is not None for found in moved) / len(few), len(timed), fast)


def _out_of_reach(found: Survey, coverage: Coverage, prices: Prices) -> list[str]:
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
    costs = [*(prices.row(int(row)) for row in np.flatnonzero(prices.is_valid)), *ends.values()]
    if coverage.measured:
        own, least = found.baseline.get("latency", 0), (found.smallest or {}).get("latency", 0)
        return [*lines, f"the baseline has {amounts_text({'latency': own})}", *end_lines, *_overhead(least, own)]
    if not costs:
        return [*lines, "none of them is a valid network"]
    nearest = min(costs, key=lambda cost: max(limits.excess(cost), limits.lack(cost)))
    return [*lines, f"the nearest has {amounts_text(limits.of(nearest))}", *end_lines]
