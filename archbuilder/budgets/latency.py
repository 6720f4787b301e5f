"""Networks projected onto a budget of latency, which has to be measured, and measurements differ."""

import re
import sys
from collections.abc import Callable
from statistics import median
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from archbuilder.budgets.budget import Limit, Limits
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan

Measure = Callable[[Plan], int]
"""Returns how long a network takes for one batch, in microseconds; asked again, it may return another time.

A `NotMeasuredError` is raised where the network itself is the cause that it cannot be measured.
"""
REPEATS = 3
"""Of how many measurements the median is the latency of a network."""
_SEARCHING, _CONFIRMED = 14, 3  # measurements; networks of which the largest that holds is taken in the end
MOST_MEASUREMENTS = _SEARCHING + _CONFIRMED * (REPEATS - 1)
"""How often networks are measured, at most, to project one onto a budget of latency."""
_MARGIN, _NEAR = 0.95, 0.85  # of a bound: what is aimed at, as measurements differ; what is near enough below it
_QUESTIONS = 60  # how often a network of other MACs is asked for; that costs no measurement if it is known
_NEVER = sys.maxsize  # microseconds that a network takes which cannot be measured: longer than any limit
_APART = 1.01  # MACs that are nearer to each other are not told apart

T = TypeVar("T")


class NotMeasuredError(ArchbuilderError):
    """A network cannot be measured by what it is, such as one that is too large for the memory."""


def _device(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("auto|cpu|mps|cuda(:[0-9]{1,3})?", value):
        raise PydanticCustomError("device", "expected auto, cpu, cuda, cuda:1 or mps")
    return value


class LatencySettings(BaseModel):
    """How latencies are measured."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    batch_size: int = Field(1, ge=1, le=65_536, description="Images per batch.")
    device: Annotated[str, BeforeValidator(_device)] = Field(
        "auto", description="The device: auto (the one that trains), cpu, cuda, cuda:1 or mps."
    )
    threads: int | None = Field(None, ge=1, le=1024, description="CPU threads; by default those of a trial.")


class _Measured(NamedTuple):
    macs: int
    latency: int


def median_latency(measure: Measure, plan: Plan) -> int:
    """Measure a network several times; return the median."""
    return int(median(measure(plan) for _ in range(REPEATS)))


def within_latency(
    start: T,
    plan_of: Callable[[T], Plan],
    at: Callable[[Limits], T | None],
    limits: Limits,
    measure: Measure,
    *,
    largest: bool = False,
) -> tuple[T, int] | None:
    """Return a network within limits of which one is a latency, and its latency; None if none was found.

    The MACs are found by interpolation between a network that is too slow and one that is not, the bracket getting
    smaller with every measurement, whatever it says. What is found is measured again, and accepted by the median.
    A network that cannot be measured counts as too slow.

    Args:
        start: The first network, within the limits that are counts.
        plan_of: Plans a network.
        at: Returns the network within limits on counts, the one with most MACs; None if there is none.
        limits: What the network may cost.
        measure: Measures a network.
        largest: Whether a first network that is within the budget makes way for a larger one.
    """

    def time_of(plan: Plan) -> int:
        try:
            return measure(plan)
        except NotMeasuredError:
            return _NEVER

    limit = limits.by_quantity["latency"]
    aim = (limit.low + limit.high) / 2 if limit.low else _MARGIN * limit.high
    near = (limit.low, limit.high) if limit.low else (_NEAR * limit.high, _MARGIN * limit.high)
    left, slow, known = _SEARCHING, None, set[int]()
    floor = asked = 1.0  # MACs with which nothing smaller is left to measure; MACs of the last request
    fast: list[tuple[_Measured, T]] = []  # ascending MACs: each was measured after those below it
    network: T | None = start
    for _ in range(_QUESTIONS):
        if network is not None and (plan := plan_of(network)).macs not in known:
            latency, left = time_of(plan), left - 1
            if limit.high < latency < _NEVER and left:  # whatever else runs on a machine only ever slows it
                latency, left = min(latency, time_of(plan)), left - 1
            is_enough = not known and not largest and limit.low <= latency <= limit.high
            if is_enough or near[0] <= latency <= near[1]:
                repeats = min(left, REPEATS - 1)
                latency, left = int(median([latency, *(time_of(plan) for _ in range(repeats))])), left - repeats
                if limit.low <= latency <= limit.high:
                    return network, latency
            known.add(plan.macs)
            found = _Measured(plan.macs, latency)
            if latency > aim:
                slow = found
            else:
                fast.append((found, network))
                floor = max(floor, plan.macs)
            asked = _guess(fast[-1][0] if fast else None, slow, floor, aim)
        elif slow is None or slow.macs <= (floor := max(floor, asked)) * _APART:
            break  # nothing larger is to be had, or nothing between
        else:
            asked = (floor * slow.macs) ** 0.5
        if left <= 0:
            break
        network = at(limits.with_macs(Limit(max(1, int(asked)), int(asked / _APART**3) if limit.low else 0)))
    for found, network in fast[: -_CONFIRMED - 1 : -1] if not limit.low else []:  # the largest that seemed fast
        plan = plan_of(network)
        latency = int(median([found.latency, *(time_of(plan) for _ in range(REPEATS - 1))]))
        if latency <= limit.high:
            return network, latency
    return None


def _guess(fast: _Measured | None, slow: _Measured | None, floor: float, aim: float) -> float:
    """Return the MACs to try next."""
    if slow is None:
        assert fast is not None
        return fast.macs * min(max(aim / fast.latency, 1.1), 8.0)
    if fast is None:
        guess = slow.macs * min(max(aim / slow.latency, 0.125), 0.9)
        return guess if guess > floor else (floor * slow.macs) ** 0.5
    gap = slow.latency - fast.latency
    share = (aim - fast.latency) / gap if gap > 0 else 0.5
    return fast.macs + (slow.macs - fast.macs) * min(max(share, 0.2), 0.8)
