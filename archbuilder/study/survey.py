"""A space looked over before anything is trained: what its candidates cost, and how many are within the budget."""

from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archbuilder.errors import ArchbuilderError
from archbuilder.study.budget import WORDS, Budget, Cost, amounts_text
from archbuilder.study.hyperparameters import Value, Values, WidthParameter
from archbuilder.study.latency import Measure, median_latency, projected_onto_latency
from archbuilder.study.pricing import Priced, Pricer, Variant
from archbuilder.study.projection import filled, projected
from archbuilder.study.study import Study

_DRAWS = 10_000  # at which a share is known to half a point (one standard error)
_PLANNED = 1000  # draws where each is planned, as its memory is asked for
_MADE = 100  # draws where nearly each is another network, even with the spec's widths
_REPAIRED = 100  # draws that are moved onto a budget, to see whether that can be
_BUSY = 1.2  # times the latency that a network had: something else runs now
_MEASURED, _MOVED = 20, 4  # draws whose latency is measured, and that are moved onto a latency, which takes many


@dataclass(frozen=True)
class Inside:
    """How much of a space is within one budget.

    Attributes:
        step: The budget.
        drawn: How many of the candidates that were priced are within it, its latency apart.
        reached: The share of candidates that could be moved onto it, of a hundred; of few if each is measured.
        measured: Of how many candidates the latency was looked at; 0 if none is bounded.
        fast: How many of those are within the budget, latency and all.
    """

    step: Budget
    drawn: int
    reached: float
    measured: int = 0
    fast: int = 0


@dataclass(frozen=True)
class Survey:
    """What a space holds.

    Attributes:
        study: The study.
        smallest: What the candidate costs that has every width at its minimum; None if it is no network.
            Of what is left out altogether so much is there as a network needs.
        baseline: What the spec as it is costs.
        largest: What the candidate costs that has every width at its maximum; None if it is no network.
        priced: How many candidates were priced.
        networks: How many of those are networks.
        inside: Of each budget, how many of those are within it.
        is_complete: Whether these are all candidates, and not some that were drawn, each value by itself and evenly.
    """

    study: Study
    smallest: Cost | None
    baseline: Cost
    largest: Cost | None
    priced: int
    networks: int
    inside: tuple[Inside, ...]
    is_complete: bool


def survey(study: Study, *, draws: int = _DRAWS, seed: int = 0, measure: Measure | None = None) -> Survey:
    """Price candidates of a study: all, if there are no more than `draws`, else so many drawn at random.

    Args:
        study: The study; its latency known, if one is bounded and measured.
        draws: How many candidates are priced.
        seed: Draws them.
        measure: Measures the latency of a few of them, if one is bounded; without it that is left out.

    Raises:
        ArchbuilderError: None of them is within a budget, and none can be projected onto it; the message names the
            nearest cost.
    """
    space = study.space
    if "memory" in study.bounded:
        draws = min(draws, _PLANNED)
    if prod(len(parameter.values) for parameter in space.choice_parameters) > _MADE:
        draws = min(draws, _MADE)
    generator = np.random.default_rng(seed)
    drawn = list(islice(space.shuffled(generator, draws), draws))
    priced = _priced(study, drawn)
    found = Survey(
        study=study,
        smallest=_end(study, 0, measure),
        baseline=study.baseline_cost,
        largest=_end(study, -1, measure),
        priced=len(drawn),
        networks=int(priced.is_valid.sum()),
        inside=tuple(_inside(study, step, drawn, priced, generator, measure) for step in study.budgets),
        is_complete=len(drawn) == space.candidates,
    )
    for inside in found.inside:
        _check(found, inside, priced)
    return found


def check_reachable(study: Study, measure: Measure | None = None) -> None:
    """Check, before anything is trained, that some candidate can be moved onto each budget.

    Args:
        study: The study.
        measure: Measures the latency of a network, if that is bounded.

    Raises:
        ArchbuilderError: None was found; the message names the nearest cost.
    """
    own, space = study.space.values_of(study.spec), study.space
    some = [*([] if own is None else [own]), *islice(space.shuffled(np.random.default_rng(0), _REPAIRED), _REPAIRED)]
    for step in study.budgets:
        if not step.limits.by_quantity:
            continue
        reached = next((place for values in some if (place := _reached(study, step, values)) is not None), None)
        if reached is None:
            survey(study)  # says so, unless its many more draws find one
        elif measure is not None:
            _check_latency(study, step, *reached, measure)


def _reached(study: Study, step: Budget, values: Values) -> tuple[Variant, NDArray[np.int64]] | None:
    variant = study.pricer.variant(values)
    position = None if variant is None else projected(variant, study.pricer.position(values), step.limits.counted)
    return None if variant is None or position is None else (variant, position)


def _check_latency(study: Study, step: Budget, variant: Variant, position: NDArray[np.int64], measure: Measure) -> None:
    """Check that a candidate, or the narrowest or the widest there is, can be moved onto a latency."""
    ends = [
        filled(variant, np.array([end * (len(parameter.values) - 1) for parameter in variant.parameters]))
        for end in (0, 1)
    ]
    for start in (position, *ends):
        within = projected(variant, start, step.limits.counted)
        if within is not None and projected_onto_latency(variant, within, step.limits, measure) is not None:
            return
    times = [measure(plan) for end in ends if (plan := variant.plan(end)) is not None]
    about = f"{step.name}, " if step.name else ""
    measured = " to ".join(f"{time:,}" for time in sorted(set(times))) or "no"
    own = study.latency or 0
    lines = [
        f"{study.source.name}: no candidate can be projected onto {about}{step.limits.text()}",
        f"from the narrowest to the widest candidate, {measured} {WORDS['latency']} were measured just now; "
        f"the baseline has {own:,}",
    ]
    now = median_latency(measure, study.spec.plan())
    if now > _BUSY * own:
        lines.append(f"it now takes {now:,}: the machine is busier than before; try again when it is idle")
    else:
        lines += _overhead({"latency": min(times)} if times else None, own)
    raise ArchbuilderError("\n  ".join(lines))


def _overhead(least: Cost | None, own: int) -> list[str]:
    """Say why narrower networks are hardly faster, if they are not."""
    if least is None or not 0.8 * own <= least.get("latency", 0) <= _BUSY * own:
        return []
    return [
        "narrower networks are hardly faster here: most of the time is the overhead of each layer; bound macs, or "
        "measure larger batches with latency: {batch_size: 64}"
    ]


def _end(study: Study, end: Literal[0, -1], measure: Measure | None = None) -> Cost | None:
    """Give what the narrowest candidate costs, or the widest; None if it is no network.

    Choices that are no widths are made one by one, each for the fewest multiply-adds, or the most.
    """
    space, pricer = study.space, study.pricer
    own = space.values_of(study.spec) or {}
    values: dict[str, Value] = {
        parameter.name: parameter.values[end]
        if isinstance(parameter, WidthParameter)
        else own.get(parameter.name, parameter.values[0])
        for parameter in space.hyperparameters
    }
    best = _network(pricer, values)
    for parameter in space.choice_parameters:
        for value in parameter.values:
            other = _network(pricer, {**values, parameter.name: value})
            is_further = best is None or (
                other is not None and (other[0]["macs"] - best[0]["macs"]) * (1 + 2 * end) < 0
            )
            if other is not None and is_further:
                best, values = other, {**values, parameter.name: value}
    if best is None:
        return None
    cost, variant, position = best
    plan = None if measure is None else variant.plan(position)
    return cost if plan is None or measure is None else {**cost, "latency": median_latency(measure, plan)}


def _network(pricer: Pricer, values: Values) -> tuple[Cost, Variant, NDArray[np.int64]] | None:
    """Give what a candidate costs, and itself; of what leaves nothing of a layer so much is there as it needs."""
    variant = pricer.variant(values)
    if variant is None:
        return None
    position = pricer.position(values)
    priced = variant.price(position[None])
    if not priced.is_valid[0]:
        position = _emptied(variant, filled(variant, position))
        priced = variant.price(position[None])
    return (priced.row(0), variant, position) if priced.is_valid[0] else None


def _emptied(variant: Variant, position: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out every branch that a network does without."""
    for column, parameter in enumerate(variant.parameters):
        without = position.copy()
        without[column] = 0
        if parameter.sizes[0] == 0 and variant.price(without[None]).is_valid[0]:
            position = without
    return position


def _priced(study: Study, drawn: list[dict[str, Value]]) -> Priced:
    """Price candidates, those together that are made in the same way."""
    groups: dict[tuple[Value, ...], list[int]] = {}
    for number, values in enumerate(drawn):
        groups.setdefault(tuple(study.space.structure(values).values()), []).append(number)
    costs: dict[str, Any] = {}
    is_valid = np.zeros(len(drawn), dtype=bool)
    for numbers in groups.values():
        variant = study.pricer.variant(drawn[numbers[0]])
        if variant is None:
            continue
        priced = variant.price(
            np.array([study.pricer.position(drawn[number]) for number in numbers]).reshape(len(numbers), -1)
        )
        is_valid[numbers] = priced.is_valid
        for name, counts in priced.costs.items():
            costs.setdefault(name, np.zeros(len(drawn), dtype=np.int64))[numbers] = counts
    return Priced(costs, is_valid)


def _inside(
    study: Study,
    step: Budget,
    drawn: list[dict[str, Value]],
    priced: Priced,
    generator: np.random.Generator,
    measure: Measure | None,
) -> Inside:
    numbers = [int(number) for number in generator.choice(len(drawn), min(_REPAIRED, len(drawn)), replace=False)]
    within = priced.within(step.limits)
    found, counted = int(within.sum()), [_reached(study, step, drawn[number]) for number in numbers]
    reached = sum(place is not None for place in counted) / len(counted)
    if measure is None or "latency" not in step.limits.by_quantity:
        return Inside(step, found, reached)
    looked = numbers[:_MEASURED]
    fast = 0
    for number in looked:
        plan = study.pricer.plan(drawn[number]) if within[number] else None
        fast += plan is not None and step.limits.allows({"latency": measure(plan)})
    moved = [
        place is not None and projected_onto_latency(*place, step.limits, measure) is not None
        for place in counted[:_MOVED]
    ]
    return Inside(step, found, sum(moved) / len(moved), len(looked), fast)


_MOST_PERCENT = 100  # a smaller budget was probably meant as a share


def _check(found: Survey, inside: Inside, priced: Priced) -> None:
    limits = inside.step.limits
    if (inside.fast if inside.measured else inside.drawn) or inside.reached:
        return
    ending = "" if found.priced == 1 else "s"
    what = f"none of {found.priced:,} candidate{ending}{'' if found.is_complete else ' drawn at random'}"
    named = f" {inside.step.name}," if inside.step.name else " of"
    budget = f"the budget{named} {limits.text()}"
    lines = [f"{found.study.source.name}: {what} is within {budget}, and none can be projected onto it"]
    likely = [limit.high for limit in limits.by_quantity.values() if limit.high <= _MOST_PERCENT]
    lines += [f"did you mean {percent}%, a share of the baseline?" for percent in likely]
    ends = {"smallest": found.smallest, "largest": found.largest}
    costs: list[Cost] = [priced.row(int(row)) for row in np.flatnonzero(priced.is_valid)]
    costs += [cost for cost in ends.values() if cost is not None]
    if inside.measured:
        own = found.baseline.get("latency", 0)
        lines.append(f"the baseline has {amounts_text({'latency': own})}")
        lines += [f"the {end} has {amounts_text(limits.of(cost))}" for end, cost in ends.items() if cost is not None]
        lines += _overhead(found.smallest, own)
    elif costs:
        nearest = min(costs, key=lambda cost: max(limits.excess(cost), limits.lack(cost)))
        lines.append(f"the nearest has {amounts_text(limits.of(nearest))}")
        lines += [f"the {end} has {amounts_text(limits.of(cost))}" for end, cost in ends.items() if cost is not None]
    else:
        lines.append("none of them is a valid network")
    raise ArchbuilderError("\n  ".join(lines))
