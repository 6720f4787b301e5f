"""Networks projected onto a budget of latency, which has to be measured, and measurements differ."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

from archbuilder.plan.plan import Plan
from archbuilder.study.budget import Limit, Limits
from archbuilder.study.pricing import Position, Variant
from archbuilder.study.projection import projected

Measure = Callable[[Plan], int]
"""Returns how long a network takes for one batch, in microseconds; asked again, it may return another time."""

REPEATS = 3
"""Of how many measurements the median is the latency of a network."""
_SEARCHING, _CONFIRMED = 14, 3  # measurements; networks of which the largest that holds is taken in the end
MOST_MEASUREMENTS = _SEARCHING + _CONFIRMED * (REPEATS - 1)
"""How often networks are measured, at most, to project one onto a budget of latency."""
_MARGIN = 0.95  # of a bound: what is aimed at, as measurements differ
_NEAR = 0.85  # of a bound: what is near enough below it
_QUESTIONS = 40  # how often a network of other MACs is asked for; that costs no measurement
_APART = 1.01  # MACs that are nearer to each other are not told apart

T = TypeVar("T")


def median_latency(measure: Measure, plan: Plan) -> int:
    """Measure a network several times; return the median."""
    return int(median(measure(plan) for _ in range(REPEATS)))


@dataclass(frozen=True)
class _Timed(Generic[T]):
    """A network that was measured."""

    network: T
    macs: int
    latency: int


class LatencySearch(Generic[T]):
    """Finds a network within a budget of latency among networks that differ in one factor, and so in MACs.

    The factor is found by interpolation between a network that is too slow and one that is not, the bracket getting
    smaller with every measurement, whatever it says. What is found is measured again, and accepted by the median.
    """

    def __init__(
        self, plan_of: Callable[[T], Plan], at: Callable[[Limit], T | None], limit: Limit, measure: Measure
    ) -> None:
        """Prepare.

        Args:
            plan_of: Plans a network.
            at: Returns the network within a limit on MACs, the one with most of them; None if there is none.
            limit: The latency.
            measure: Measures a network.
        """
        self._plan_of, self._at, self._limit, self._measure = plan_of, at, limit, measure
        self._aim = (limit.low + limit.high) / 2 if limit.low else _MARGIN * limit.high
        self._near = (limit.low, limit.high) if limit.low else (_NEAR * limit.high, _MARGIN * limit.high)
        self._left = _SEARCHING
        self._fast: list[_Timed[T]] = []  # ascending MACs: each was measured after those below it
        self._slow: _Timed[T] | None = None
        self._floor = 1.0  # MACs with which there is no network, or one that was measured

    def found(self, start: T, *, largest: bool = False) -> tuple[T, int] | None:
        """Return the network that is nearest to a first one, and its latency; None if none was found.

        Args:
            start: The first.
            largest: Whether a first one that is within the budget makes way for a larger one.
        """
        network: T | None = start
        is_enough = not largest
        while network is not None and self._left:
            plan = self._plan_of(network)
            latency = self._once(plan)
            if latency > self._limit.high and self._left:
                latency = min(latency, self._once(plan))  # whatever else runs on a machine only ever slows it
            if self._near[0] <= latency <= self._near[1] or (is_enough and self._is_within(latency)):
                latency = self._again(plan, latency)
                if self._is_within(latency):
                    return network, latency
            self._keep(_Timed(network, plan.macs, latency))
            is_enough = False
            network = self._next()
        return None if self._limit.low else self._confirmed()

    def _is_within(self, latency: int) -> bool:
        return self._limit.low <= latency <= self._limit.high

    def _once(self, plan: Plan) -> int:
        self._left -= 1
        return self._measure(plan)

    def _again(self, plan: Plan, first: int) -> int:
        """Measure as often as is left, up to the number whose median counts."""
        more = min(self._left, REPEATS - 1)
        return int(median([first, *(self._once(plan) for _ in range(more))]))

    def _keep(self, timed: _Timed[T]) -> None:
        if timed.latency > self._aim:
            self._slow = timed
        else:
            self._fast.append(timed)
            self._floor = max(self._floor, timed.macs)

    def _confirmed(self) -> tuple[T, int] | None:
        """Measure the largest network that seemed fast again, and if it is not, the next."""
        for timed in self._fast[: -_CONFIRMED - 1 : -1]:
            self._left = REPEATS - 1
            latency = self._again(self._plan_of(timed.network), timed.latency)
            if latency <= self._limit.high:
                return timed.network, latency
        return None

    def _next(self) -> T | None:
        """Return a network that was not measured, of MACs within the bracket; None if there is none."""
        if not self._left:
            return None
        known = {timed.macs for timed in (*self._fast, *([self._slow] if self._slow else []))}
        macs = self._guess()
        for _ in range(_QUESTIONS):
            low = int(macs / _APART**3) if self._limit.low else 0
            network = self._at(Limit(max(1, int(macs)), low))
            if network is not None and self._plan_of(network).macs not in known:
                return network
            if self._slow is None:
                return None  # nothing larger is to be had
            self._floor = max(self._floor, macs)
            if self._slow.macs <= self._floor * _APART:
                return None
            macs = (self._floor * self._slow.macs) ** 0.5
        return None

    def _guess(self) -> float:
        """Return the MACs to try next."""
        if self._slow is None:
            fast = self._fast[-1]
            return fast.macs * min(max(self._aim / fast.latency, 1.1), 8.0)
        if not self._fast:
            guess = self._slow.macs * min(max(self._aim / self._slow.latency, 0.125), 0.9)
            return guess if guess > self._floor else (self._floor * self._slow.macs) ** 0.5
        fast = self._fast[-1]
        gap = self._slow.latency - fast.latency
        share = (self._aim - fast.latency) / gap if gap > 0 else 0.5
        return fast.macs + (self._slow.macs - fast.macs) * min(max(share, 0.2), 0.8)


def projected_onto_latency(
    variant: Variant, position: Position, limits: Limits, measure: Measure
) -> tuple[Position, int] | None:
    """Return a candidate within limits of which one is a latency, and its latency; None if none was found.

    Its multiply-adds are bounded by what its latency asks for; see `LatencySearch`.

    Args:
        variant: The network.
        position: The candidate, within the limits that are counts.
        limits: What it may cost.
        measure: Measures a network.
    """
    counts = limits.counted.by_quantity
    macs = counts.get("macs", Limit(2**63))

    def plan_of(position: Position) -> Plan:
        plan = variant.plan(position)
        assert plan is not None
        return plan

    def at(limit: Limit) -> Position | None:
        high, low = min(limit.high, macs.high), max(limit.low, macs.low)
        return projected(variant, position, Limits({**counts, "macs": Limit(high, low)})) if low <= high else None

    return LatencySearch(plan_of, at, limits.by_quantity["latency"], measure).found(position)
