"""The spec scaled uniformly: every width times one multiplier, as far as a budget allows."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

from archbuilder.budgets.budget import Cost, Limit, Limits, cost_of
from archbuilder.budgets.latency import Measure, within_latency
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan

_MULTIPLIERS = 4096
LARGEST_MULTIPLIER = 64
_STEPS = (1, 2, 4, 8, 16, 32)
_SAMPLE = np.geomspace(0.5, 2, 8)

_Row = tuple[int, ...]  # the widths that are scaled, in the order of their names


class Scaling:
    """The networks that a spec scaled uniformly gives, the narrowest first.

    It is what everybody tries first (the width multiplier of MobileNets, Howard et al. 2017, section 3.3), and so what
    a search has to beat. Each width is rounded to a multiple of its step, at least that. Heads keep their widths, and a
    width of 0 stays.

    Attributes:
        names: The widths that are scaled.
        steps: What each of them is a multiple of.
    """

    def __init__(self, spec: NetworkSpec, multiples: Mapping[str, int] | None = None) -> None:
        """Prepare.

        Args:
            spec: The network.
            multiples: What a width is a multiple of, by name; others are of 1. Where networks of such widths are
                invalid, as groups do not divide them, also of 2, 4, 8, 16 or 32, as far as the spec's own width is.
        """
        heads = {head.name for head in spec.plan().heads}
        self._spec = spec
        self.names = [name for name in spec.widths if name.partition(".")[0] not in heads and spec.widths[name]]
        self._own = np.array([spec.widths[name] for name in self.names], dtype=np.int64)
        self._plan = cache(self._planned)

        wanted = [(multiples or {}).get(name, 1) for name in self.names]
        fewest = len(_SAMPLE) + 1
        for size in _STEPS:
            steps = [lcm(one, gcd(size, own)) for one, own in zip(wanted, self._own.tolist(), strict=True)]
            rows = self._rows(np.array(steps, dtype=np.int64), _SAMPLE)
            invalid = sum(self._plan(row) is None for row in rows)
            if invalid < fewest:
                self.steps, fewest = np.array(steps, dtype=np.int64), invalid
            if not invalid:
                break

    def onto(self, limits: Limits, measure: Measure | None = None) -> tuple[NetworkSpec, Cost] | None:
        """Return the widest network within limits, and its cost; None if none is.

        Args:
            limits: What it may cost; how little does not matter.
            measure: Measures the latency of a network, if that is limited; without it that limit is ignored.
        """
        limits = Limits({name: Limit(limit.high) for name, limit in limits.by_quantity.items()})
        latency: dict[str, int] = {}
        if measure is None or "latency" not in limits.by_quantity:
            row = self._largest(limits)
        else:
            row = self._largest(limits.with_macs(Limit(self._spec.plan().macs)))
            timed = row and within_latency(row, self._valid, self._largest, limits, measure, largest=True)
            row, latency = (timed[0], {"latency": timed[1]}) if timed else (None, {})
        if row is None:
            return None
        return self._spec.set(self._widths(row)), cost_of(self._valid(row), limits.by_quantity) | latency

    def smallest(self, quantities: Iterable[str]) -> Cost | None:
        """Return the cost of the narrowest valid network; None if none is valid."""
        plans = (self._plan(row) for row in self._path)
        return next((cost_of(plan, [*quantities]) for plan in plans if plan is not None), None)

    def _largest(self, limits: Limits) -> _Row | None:
        """Return the widest network within limits on counts; None if none is.

        Where the next multiplier is too much, as many widths as fit are those of the next, the first in the spec first.
        Networks on the way that have other operations are left out: where two widths that are equal in the spec
        differ, a shortcut may need a projection.
        """
        path = self._path

        def fits(row: _Row) -> bool | None:
            plan = self._plan(row)
            return None if plan is None else bool(limits.below(cost_of(plan, limits.by_quantity)))

        last = _last(len(path), lambda number: fits(path[number]))
        if last is None or last + 1 == len(path):
            return None if last is None else path[last]
        operations, following = _operations(self._plan(path[last])), path[last + 1]
        between = [(*following[:count], *path[last][count:]) for count in range(len(following) + 1)]
        found = _last(
            len(between),
            lambda number: fits(between[number]) if _operations(self._plan(between[number])) == operations else None,
        )
        return between[found or 0]

    @cached_property
    def _path(self) -> list[_Row]:
        multipliers = np.geomspace(1 / max(self._own, default=1), LARGEST_MULTIPLIER, _MULTIPLIERS)
        return list(dict.fromkeys(self._rows(self.steps, multipliers)))

    def _rows(self, steps: NDArray[np.int64], multipliers: NDArray[np.float64]) -> list[_Row]:
        """Return widths by multiplier: with ascending multipliers every width grows, and so does every cost."""
        rounded = np.round(multipliers[:, None] * self._own / steps)
        rows: list[list[int]] = (steps * np.maximum(1, rounded).astype(np.int64)).tolist()
        return [tuple(row) for row in rows]

    def _widths(self, row: _Row) -> dict[str, int]:
        return dict(zip(self.names, row, strict=True))

    def _planned(self, row: _Row) -> Plan | None:
        return try_plan(self._spec.document, self._widths(row))[0]

    def _valid(self, row: _Row) -> Plan:
        plan = self._plan(row)
        assert plan is not None
        return plan


def _last(count: int, fits: Callable[[int], bool | None]) -> int | None:
    """Return the last of some numbers that fits, by halving; None if none does.

    Args:
        count: How many numbers there are, from 0; after one that does not fit, none does.
        fits: Returns whether a number fits; None for an invalid network, which is skipped.
    """
    fits = cache(fits)
    low, high = -1, count
    while high - low > 1:
        middle = (low + high) // 2
        near = sorted(range(low + 1, high), key=lambda number: abs(number - middle))
        number = next((number for number in near if fits(number) is not None), None)
        if number is None:
            break
        low, high = (number, high) if fits(number) else (low, number)
    return low if low >= 0 else None


def _operations(plan: Plan | None) -> tuple[str, ...]:
    return () if plan is None else tuple(op.name for layer in plan.layers for op in layer.ops)
