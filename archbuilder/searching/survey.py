"""A space looked over before anything is trained: what its candidates cost, and how many are within the budget."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from archbuilder.errors import ArchbuilderError
from archbuilder.searching.budget import Cost, Limits, amounts_text
from archbuilder.searching.knobs import Value, WidthKnob
from archbuilder.searching.ladder import Step
from archbuilder.searching.pricing import Priced
from archbuilder.searching.repair import repaired
from archbuilder.searching.study import Study

_DRAWS = 10_000  # at which a share is known to half a point (one standard error)
_PLANNED = 1000  # draws where each is planned, as its memory is asked for
_REPAIRED = 100  # draws that are moved onto a budget, to see whether that can be


@dataclass(frozen=True)
class Inside:
    """How much of a space is within one budget.

    Attributes:
        step: The budget.
        drawn: How many of the candidates that were priced are within it.
        reached: The share of candidates that could be moved onto it, of a hundred.
    """

    step: Step
    drawn: int
    reached: float


@dataclass(frozen=True)
class Survey:
    """What a space holds.

    Attributes:
        study: The study.
        smallest: What the candidate costs that has every site at its least; None if it is no network.
        baseline: What the spec as it is costs.
        largest: What the candidate costs that has every site at its most; None if it is no network.
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


def survey(study: Study, *, draws: int = _DRAWS, seed: int = 0) -> Survey:
    """Price candidates of a study: all, if there are no more than `draws`, else so many drawn at random.

    A budget on latency is left out, as nothing is measured.

    Raises:
        ArchbuilderError: None of them is within a budget, nor can be moved onto it; the message names the smallest
            cost.
    """
    space = study.space
    if "memory" in study.bounded:
        draws = min(draws, _PLANNED)
    is_complete = space.candidates <= draws
    generator = np.random.default_rng(seed)
    if is_complete:
        drawn: list[dict[str, Value]] = [
            dict(zip(space.by_name, values, strict=True)) for values in product(*(knob.values for knob in space.knobs))
        ]
    else:
        columns = [generator.integers(len(knob.values), size=draws) for knob in space.knobs]
        drawn = [
            {knob.name: knob.values[int(number)] for knob, number in zip(space.knobs, row, strict=True)}
            for row in np.stack(columns, axis=1)
        ]
    priced = _priced(study, drawn)
    own = study.space.values_of(study.spec) or {}
    ends = [
        study.pricer.cost(
            {
                knob.name: knob.values[end] if isinstance(knob, WidthKnob) else own.get(knob.name, knob.values[0])
                for knob in space.knobs
            }
        )
        for end in (0, -1)
    ]
    found = Survey(
        study=study,
        smallest=ends[0],
        baseline=study.baseline_cost,
        largest=ends[1],
        priced=len(drawn),
        networks=int(priced.is_network.sum()),
        inside=tuple(_inside(study, step, drawn, priced, generator) for step in study.steps),
        is_complete=is_complete,
    )
    for inside in found.inside:
        _check(found, inside, priced)
    return found


def _priced(study: Study, drawn: list[dict[str, Value]]) -> Priced:
    """Price candidates, those together that are made in the same way."""
    groups: dict[tuple[Value, ...], list[int]] = {}
    for number, values in enumerate(drawn):
        groups.setdefault(tuple(study.space.structure(values).values()), []).append(number)
    costs: dict[str, Any] = {}
    is_network = np.zeros(len(drawn), dtype=bool)
    for numbers in groups.values():
        variant = study.pricer.variant(drawn[numbers[0]])
        if variant is None:
            continue
        priced = variant.price(
            np.array([study.pricer.position(drawn[number]) for number in numbers]).reshape(len(numbers), -1)
        )
        is_network[numbers] = priced.is_network
        for name, counts in priced.costs.items():
            costs.setdefault(name, np.zeros(len(drawn), dtype=np.int64))[numbers] = counts
    return Priced(costs, is_network)


def _inside(
    study: Study, step: Step, drawn: list[dict[str, Value]], priced: Priced, generator: np.random.Generator
) -> Inside:
    limits = Limits({name: limit for name, limit in step.limits.by_quantity.items() if name != "latency"})
    some = [drawn[int(number)] for number in generator.choice(len(drawn), min(_REPAIRED, len(drawn)), replace=False)]
    reached = 0
    for values in some:
        variant = study.pricer.variant(values)
        reached += variant is not None and repaired(variant, study.pricer.position(values), limits) is not None
    return Inside(step, int(priced.within(limits).sum()), reached / len(some))


def _check(found: Survey, inside: Inside, priced: Priced) -> None:
    limits = inside.step.limits
    if inside.drawn or inside.reached:
        return
    what = f"none of {found.priced:,} candidates{'' if found.is_complete else ' drawn at random'}"
    named = f" {inside.step.name}," if inside.step.name else " of"
    lines = [f"{found.study.source.name}: {what} is within the budget{named} {limits.text()}, nor can be moved onto it"]
    costs = [priced.row(int(row)) for row in np.flatnonzero(priced.is_network)]
    if costs:
        least = min(costs, key=limits.excess)
        lines.append(f"the smallest of them has {amounts_text(limits.of(least))}")
    else:
        lines.append("none of them is a network")
    raise ArchbuilderError("\n  ".join(lines))
