"""A candidate moved onto a budget of latency, which has to be measured."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from archbuilder.plan.plan import Plan
from archbuilder.study.budget import Limit, Limits
from archbuilder.study.pricing import Variant
from archbuilder.study.repair import repaired

Measure = Callable[[Plan], int]
"""Gives how long a network takes for one image, in microseconds."""

_MEASUREMENTS = 8
_MARGIN = 0.97  # of a bound: what is aimed at, as measurements differ


def repaired_in_time(
    variant: Variant, position: NDArray[np.int64], limits: Limits, measure: Measure
) -> tuple[NDArray[np.int64], int] | None:
    """Give a candidate within limits of which one is a latency, and its latency; None if none was found.

    Its multiply-adds are bounded by what its latency asks for, and measured again, a few times at most.

    Args:
        variant: The network.
        position: The candidate, within the limits that are counts.
        limits: What it may cost.
        measure: Measures a network.
    """
    counts = limits.counted.by_quantity
    limit, macs = limits.by_quantity["latency"], counts.get("macs")
    aim = (limit.low + limit.high) / 2 if limit.low else _MARGIN * limit.high
    for _ in range(_MEASUREMENTS):
        plan = variant.plan(position)
        assert plan is not None
        latency = measure(plan)
        if limit.low <= latency <= limit.high:
            return position, latency
        high = max(1, int(plan.macs * aim / latency))
        low = int(_MARGIN * high) if latency < limit.low else 0
        if macs is not None:
            high, low = min(high, macs.high), max(low, macs.low)
        moved = repaired(variant, position, Limits({**counts, "macs": Limit(high, low)})) if low <= high else None
        if moved is None or np.array_equal(moved, position):
            return None
        position = moved
    return None
