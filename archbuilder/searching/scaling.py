"""The spec scaled uniformly: every width times one multiplier, as far as a budget allows."""

from bisect import bisect_right

import numpy as np

from archbuilder.costs.quantities import QUANTITIES
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.planner import plan_network
from archbuilder.searching.budget import Limits, memory_of

_MULTIPLIERS = 4096


def uniformly_scaled(spec: NetworkSpec, limits: Limits) -> NetworkSpec | None:
    """Give the spec with all its widths times the largest multiplier that limits allow; None if none does.

    It is what everybody tries first (the width multiplier of MobileNets, Howard et al. 2017, section 3.3), and so what
    a search has to beat. Each width is rounded to a whole number, at least 1; heads keep theirs.

    Args:
        spec: The network.
        limits: What it may cost; how little does not matter, and neither does a latency.
    """
    heads = {head.name for head in spec.plan().heads}
    sites = [name for name in spec.sites if name.partition(".")[0] not in heads]
    own = np.array([spec.widths[name] for name in sites])
    multipliers = np.geomspace(1 / max(own.max(), 1), 64, _MULTIPLIERS)
    rows = np.where(own > 0, np.maximum(1, np.round(multipliers[:, None] * own)), 0).astype(np.int64)
    prices = spec.costs(sites).price(rows)
    fits = prices.is_network.copy()
    for name in QUANTITIES:
        if name in limits.by_quantity:
            fits &= getattr(prices, name) <= limits.by_quantity[name].high
    candidates = [dict(zip(sites, map(int, row), strict=True)) for row in np.unique(rows[fits], axis=0)]
    candidates.sort(key=lambda widths: sum(widths.values()))  # ascending multipliers: every width grows with them
    most = len(candidates)
    if "memory" in limits.by_quantity:
        high = limits.by_quantity["memory"].high  # memory grows too, so that few have to be planned
        most = bisect_right(candidates, high, key=lambda widths: memory_of(plan_network(spec.document, widths)))
    return spec.with_widths(candidates[most - 1]) if most else None
