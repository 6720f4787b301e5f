"""A space looked over before anything is trained: what its candidates cost, and how many are within the budget."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from archbuilder.errors import ArchbuilderError
from archbuilder.searching.budget import Cost, amounts_text, cost_of
from archbuilder.searching.study import Study

_DRAWS = 10_000  # at which a share is known to half a point (one standard error)


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
        inside: How many of those are within the budget.
        is_complete: Whether these are all candidates, and not some that were drawn, each width by itself and evenly.
    """

    study: Study
    smallest: Cost | None
    baseline: Cost
    largest: Cost | None
    priced: int
    networks: int
    inside: int
    is_complete: bool


def survey(study: Study, *, draws: int = _DRAWS, seed: int = 0) -> Survey:
    """Price candidates of a study: all, if there are no more than `draws`, else so many drawn at random.

    Raises:
        ArchbuilderError: None of them is within the budget; the message names the smallest cost.
    """
    space, costs = study.space, study.costs
    is_complete = space.candidates <= draws
    matrix: Any
    if is_complete:
        matrix = np.array(list(product(*space.sites.values())), dtype=np.int64)
    else:
        generator = np.random.default_rng(seed)
        columns = [np.asarray(widths, dtype=np.int64) for widths in space.sites.values()]
        matrix = np.stack([generator.choice(column, draws) for column in columns], axis=1)
    prices = costs.price(matrix)
    inside = prices.is_network.copy()
    for quantity, limit in study.settings.budget.limits.items():
        inside &= getattr(prices, quantity) <= limit
    smallest, largest = (
        costs.price_one({name: end(widths) for name, widths in space.sites.items()}) for end in (min, max)
    )
    found = Survey(
        study=study,
        smallest=smallest,
        baseline=cost_of(study.spec.plan()),
        largest=largest,
        priced=len(matrix),
        networks=int(prices.is_network.sum()),
        inside=int(inside.sum()),
        is_complete=is_complete,
    )
    _check(found, prices)
    return found


def _check(found: Survey, prices: Any) -> None:
    budget = found.study.settings.budget
    if found.inside or (found.smallest is not None and budget.allows(found.smallest)):
        return
    limits = budget.limits
    what = f"none of {found.priced:,} candidates{'' if found.is_complete else ' drawn at random'}"
    lines = [f"{found.study.source.name}: {what} is within the budget of {amounts_text(limits)}"]
    costs = [{name: int(getattr(prices, name)[row]) for name in limits} for row in np.flatnonzero(prices.is_network)]
    if costs:
        least = min(costs, key=lambda cost: max(budget.excess(cost).values()))
        lines.append(f"the smallest of them has {amounts_text(least)}")
    else:
        lines.append("none of them is a network")
    raise ArchbuilderError("\n  ".join(lines))
