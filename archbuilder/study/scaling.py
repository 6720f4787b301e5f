"""The spec scaled uniformly: every width times one multiplier, as far as a budget allows."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from archbuilder.costs.quantities import QUANTITIES
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import plan_network
from archbuilder.study.budget import Limits, memory_of
from archbuilder.study.timing import Measure

_MULTIPLIERS = 4096


def uniformly_scaled(spec: NetworkSpec, limits: Limits, measure: Measure | None = None) -> NetworkSpec | None:
    """Give the spec with all its widths times the largest multiplier that limits allow; None if none does.

    It is what everybody tries first (the width multiplier of MobileNets, Howard et al. 2017, section 3.3), and so what
    a search has to beat. Each width is rounded to a whole number, at least 1; heads keep theirs. Where widths that are
    equal would all be rounded up at once and that is too much, as many of them are as fit: the first in the spec first.

    Args:
        spec: The network.
        limits: What it may cost; how little does not matter.
        measure: Measures the latency of a network; without it that is not looked at.
    """
    heads = {head.name for head in spec.plan().heads}
    sites = [name for name in spec.sites if name.partition(".")[0] not in heads]
    own = np.array([spec.widths[name] for name in sites])
    multipliers = np.geomspace(1 / max(own.max(), 1), 64, _MULTIPLIERS)
    # Ascending multipliers: every width grows with them, and so does every cost.
    rows = np.where(own > 0, np.maximum(1, np.round(multipliers[:, None] * own)), 0).astype(np.int64)
    rows = np.unique(rows, axis=0)
    last = _last_within(spec, sites, rows, limits, measure)
    if last is None:
        return None
    if last + 1 < len(rows):
        between = np.repeat(rows[None, last], len(sites) + 1, axis=0)
        for number in range(len(sites)):
            between[number + 1 :, number] = rows[last + 1, number]
        rows, last = between, _last_within(spec, sites, between, limits, measure) or 0
    return spec.with_widths(dict(zip(sites, map(int, rows[last]), strict=True)))


def _last_within(
    spec: NetworkSpec, sites: Sequence[str], rows: NDArray[np.int64], limits: Limits, measure: Measure | None
) -> int | None:
    """Give the number of the last row that is a network within limits; None if none is."""
    prices = spec.costs(sites).price(rows)
    fits = prices.is_network.copy()
    for name in QUANTITIES:
        if name in limits.by_quantity:
            fits &= getattr(prices, name) <= limits.by_quantity[name].high
    numbers = [int(number) for number in np.flatnonzero(fits)]
    # What has to be planned, or measured, is found by halving.
    for name, count in (("memory", memory_of), ("latency", measure)):
        if name in limits.by_quantity and count is not None:

            def cost(number: int, count: Callable[[Plan], int] = count) -> int:
                return count(plan_network(spec.document, dict(zip(sites, map(int, rows[number]), strict=True))))

            numbers = numbers[: bisect_right(numbers, limits.by_quantity[name].high, key=cost)]
    return numbers[-1] if numbers else None
