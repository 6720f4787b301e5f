"""The spec scaled uniformly: every width times one multiplier, as far as a budget allows."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from archbuilder.costs.quantities import QUANTITIES
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.planner import plan_network
from archbuilder.study.budget import Limit, Limits
from archbuilder.study.latency import Measure, within_latency

_MULTIPLIERS = 4096


def uniformly_scaled(
    spec: NetworkSpec, limits: Limits, multiples: Mapping[str, int] | None = None
) -> NetworkSpec | None:
    """Return the spec with all its widths times the largest multiplier that limits allow; None if none does.

    It is what everybody tries first (the width multiplier of MobileNets, Howard et al. 2017, section 3.3), and so what
    a search has to beat. Each width is rounded to a multiple of what the search takes multiples of, at least that;
    heads keep theirs. Where widths that are equal would all be rounded up at once and that is too much, as many of them
    are as fit: the first in the spec first.

    Args:
        spec: The network.
        limits: What it may cost; targets are bounds, and limits that need a measurement are ignored.
        multiples: What a width is a multiple of, by name; 1 unless given.
    """
    heads = {head.name for head in spec.plan().heads}
    names = [name for name in spec.widths if name.partition(".")[0] not in heads]
    own = np.array([spec.widths[name] for name in names])
    steps = np.array([(multiples or {}).get(name, 1) for name in names])
    multipliers = np.geomspace(1 / max(own.max(), 1), 64, _MULTIPLIERS)
    # Ascending multipliers: every width grows with them, and so does every cost.
    rows = np.where(own > 0, steps * np.maximum(1, np.round(multipliers[:, None] * own / steps)), 0).astype(np.int64)
    rows = np.unique(rows, axis=0)
    last = _last_within(spec, names, rows, limits)
    if last is None:
        return None
    if last + 1 < len(rows):
        between = np.repeat(rows[None, last], len(names) + 1, axis=0)
        for number in range(len(names)):
            between[number + 1 :, number] = rows[last + 1, number]
        rows, last = between, _last_within(spec, names, between, limits) or 0
    return spec.set(dict(zip(names, map(int, rows[last]), strict=True)))


def scaled_onto_latency(
    spec: NetworkSpec, limits: Limits, measure: Measure, multiples: Mapping[str, int] | None = None
) -> tuple[NetworkSpec, int] | None:
    """Return the spec scaled uniformly onto limits of which one is a latency, and its latency; None if none was found.

    Of few measurements: its MACs are bounded by what its latency asks for. The arguments are those of
    `uniformly_scaled`; `measure` measures a network.
    """
    counts = {name: Limit(limit.high) for name, limit in limits.counted.by_quantity.items()}

    def at(limit: Limit) -> NetworkSpec | None:
        high = min(limit.high, counts["macs"].high) if "macs" in counts else limit.high
        return uniformly_scaled(spec, Limits({**counts, "macs": Limit(high)}), multiples)

    start = at(Limit(spec.plan().macs))
    latency = Limit(limits.by_quantity["latency"].high)
    return None if start is None else within_latency(start, NetworkSpec.plan, at, latency, measure, largest=True)


def _last_within(spec: NetworkSpec, names: Sequence[str], rows: NDArray[np.int64], limits: Limits) -> int | None:
    """Return the number of the last row that is a network within limits; None if none is."""
    prices = spec.costs(names).price(rows)
    numbers = np.flatnonzero(prices.is_valid & limits.below(prices.counts)).tolist()
    planned = {name: limit for name, limit in limits.counted.by_quantity.items() if name not in prices.counts}
    if planned:  # found by halving

        def exceeds(number: int) -> bool:
            plan = plan_network(spec.document, dict(zip(names, rows[number].tolist(), strict=True)))
            return any(QUANTITIES[name].of(plan) > limit.high for name, limit in planned.items())

        numbers = numbers[: bisect_right(numbers, False, key=exceeds)]
    return numbers[-1] if numbers else None
