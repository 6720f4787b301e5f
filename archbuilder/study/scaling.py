"""The spec scaled uniformly: every width times one multiplier, as far as a budget allows."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.study.budget import Cost, Limit, Limits, cost_of
from archbuilder.study.latency import Measure, within_latency

_MULTIPLIERS = 4096
LARGEST_MULTIPLIER = 64
_STEPS = (1, 2, 4, 8, 16, 32)
_SAMPLE = np.geomspace(0.5, 2, 8)


class Scaling:
    """The networks that a spec scaled uniformly gives, the narrowest first.

    Each width is rounded to a multiple of its step, at least that. Heads keep their widths, and a width of 0 stays.

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
        self._spec, self._multiples = spec, multiples or {}
        self.names = [name for name in spec.widths if name.partition(".")[0] not in heads and spec.widths[name]]
        self._own = np.array([spec.widths[name] for name in self.names], dtype=np.int64)
        self.steps = self._steps_of(1)
        fewest = len(_SAMPLE) + 1
        for size in _STEPS if self.names else ():
            steps = self._steps_of(size)
            invalid = sum(self._plan(row) is None for row in self._rows(steps, _SAMPLE))
            if invalid < fewest:
                self.steps, fewest = steps, invalid
            if not invalid:
                break

    def smallest(self, quantities: Iterable[str]) -> Cost | None:
        """Return the cost of the narrowest valid network; None if none is valid."""
        plans = (self._plan(row) for row in self._path)
        return next((cost_of(plan, [*quantities]) for plan in plans if plan is not None), None)

    def largest(self, limits: Limits) -> NetworkSpec | None:
        """Return the widest network within limits; None if none is.

        Where the next multiplier is too much, as many widths as fit are those of the next, the first in the spec first.
        Networks on the way that have other operations are left out: where two widths that are equal in the spec
        differ, a shortcut may need a projection.

        Args:
            limits: What it may cost; how little does not matter, nor does a latency.
        """
        if not self.names:
            return self._spec if limits.below(cost_of(self._spec.plan(), limits.by_quantity)) else None
        path = self._path

        def fits(plan: Plan | None) -> bool | None:
            return None if plan is None else limits.below(cost_of(plan, limits.by_quantity))

        last = _last(len(path), lambda number: fits(self._plan(path[number])))
        if last is None:
            return None
        row = path[last]
        if last + 1 < len(path):
            between = np.where(np.tri(len(row) + 1, len(row), -1, dtype=bool), path[last + 1], row)
            operations = _operations(self._plan(row))

            def fits_between(number: int) -> bool | None:
                plan = self._plan(between[number])
                return fits(plan) if _operations(plan) == operations else None

            row = between[_last(len(between), fits_between) or 0]
        return self._spec.set(self._widths(row))

    @cached_property
    def _path(self) -> NDArray[np.int64]:
        multipliers = np.geomspace(1 / max(self._own.max(), 1), LARGEST_MULTIPLIER, _MULTIPLIERS)
        return np.unique(self._rows(self.steps, multipliers), axis=0)

    def _rows(self, steps: NDArray[np.int64], multipliers: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return widths, multipliers x names: with ascending multipliers every width grows, and so does every cost."""
        rounded = np.round(multipliers[:, None] * self._own / steps)
        return steps * np.maximum(1, rounded).astype(np.int64)

    def _steps_of(self, size: int) -> NDArray[np.int64]:
        steps = [lcm(self._multiples.get(name, 1), gcd(size, self._spec.widths[name])) for name in self.names]
        return np.array(steps, dtype=np.int64)

    def _widths(self, row: NDArray[np.int64]) -> dict[str, int]:
        return dict(zip(self.names, map(int, row), strict=True))

    def _plan(self, row: NDArray[np.int64]) -> Plan | None:
        return try_plan(self._spec.document, self._widths(row))[0]


def uniformly_scaled(
    spec: NetworkSpec, limits: Limits, multiples: Mapping[str, int] | None = None
) -> NetworkSpec | None:
    """Return the spec with all its widths times the largest multiplier that limits allow; None if none does.

    It is what everybody tries first (the width multiplier of MobileNets, Howard et al. 2017, section 3.3), and so what
    a search has to beat.

    Args:
        spec: The network.
        limits: What it may cost; targets are bounds, and limits that need a measurement are ignored.
        multiples: What a width is a multiple of, by name, as of `Scaling`.
    """
    return Scaling(spec, multiples).largest(limits)


def scaled_onto_latency(
    spec: NetworkSpec, limits: Limits, measure: Measure, multiples: Mapping[str, int] | None = None
) -> tuple[NetworkSpec, int] | None:
    """Return the spec scaled uniformly onto limits of which one is a latency, and its latency; None if none was found.

    Of few measurements: its MACs are bounded by what its latency asks for. The arguments are those of
    `uniformly_scaled`; `measure` measures a network.
    """
    scaling = Scaling(spec, multiples)
    counts = {name: Limit(limit.high) for name, limit in limits.counted.by_quantity.items()}

    def at(limit: Limit) -> NetworkSpec | None:
        high = min(limit.high, counts["macs"].high) if "macs" in counts else limit.high
        return scaling.largest(Limits({**counts, "macs": Limit(high)}))

    start = at(Limit(spec.plan().macs))
    latency = Limit(limits.by_quantity["latency"].high)
    return None if start is None else within_latency(start, NetworkSpec.plan, at, latency, measure, largest=True)


def _last(count: int, fits: Callable[[int], bool | None]) -> int | None:
    """Return the last of some numbers that fits, by halving; None if none does.

    Args:
        count: How many numbers there are, from 0; after one that does not fit, none does.
        fits: Tells whether a number fits; None for one that is no network, and is passed over.
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
