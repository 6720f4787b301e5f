"""Networks projected onto a latency that is measured by a clock which differs from one moment to the next."""

import random
from collections.abc import Callable

import numpy as np
import pytest

from archbuilder import load
from archbuilder.budgets.budget import Limit, Limits, cost_of
from archbuilder.budgets.latency import MOST_MEASUREMENTS, NotMeasuredError, within_latency
from archbuilder.budgets.scaling import Scaling
from archbuilder.plan.plan import Plan
from archbuilder.study.pricing import Pricer
from archbuilder.study.projection import on_budget
from study.small_spaces import drawn, good

DIGITS = load("inception_digits")
MACS = DIGITS.plan().macs
MODELS: dict[str, Callable[[int], float]] = {
    "in proportion": lambda macs: macs / 1000,
    "with an overhead": lambda macs: 700 + macs / 2000,
    "with steps": lambda macs: 200 + 100 * (macs // 120_000),
    "as a root": lambda macs: macs**0.5,
}


class Clock:
    """Measures by a formula, and in a share of the cases too much, as a busy machine does."""

    def __init__(self, model: Callable[[int], float], noise: float = 0.0, seed: int = 0) -> None:
        self.model, self.noise, self.measured = model, noise, 0
        self._random = random.Random(seed)

    def __call__(self, plan: Plan) -> int:
        self.measured += 1
        late = self.noise if self._random.random() < 0.15 else 0.0  # something else ran meanwhile
        factor = self._random.lognormvariate(0, self.noise / 4) * (1 + 3 * late)
        return max(1, round(self.model(plan.macs) * factor))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("percent", [40, 60, 95, 100, 150])
def test_the_scaled_network_is_as_slow_as_a_latency_allows(model: str, percent: int) -> None:
    time = MODELS[model]
    least = time(DIGITS.set(dict.fromkeys(DIGITS.widths, 1)).plan().macs)
    limit = int(least + (time(MACS) - least) * percent / 100)
    clock = Clock(time)
    found = Scaling(DIGITS).onto(Limits({"latency": Limit(limit)}), clock)
    assert found is not None
    spec, latency = found[0], found[1]["latency"]
    assert latency == round(time(spec.plan().macs)) <= limit
    assert latency >= 0.8 * limit or model == "with steps"
    assert clock.measured <= MOST_MEASUREMENTS


@pytest.mark.parametrize("noise", [0.1, 0.4])
def test_noise_neither_breaks_a_budget_nor_makes_the_scaled_network_tiny(noise: float) -> None:
    time, limit = MODELS["with an overhead"], 1100
    allowed = (limit - 700) * 2000
    shares = []
    for seed in range(6):
        clock = Clock(time, noise, seed)
        found = Scaling(DIGITS).onto(Limits({"latency": Limit(limit)}), clock)
        assert found is not None
        assert found[1]["latency"] <= limit
        assert clock.measured <= MOST_MEASUREMENTS
        shares.append(found[0].plan().macs / allowed)
    assert max(shares) < 1 + 2 * noise
    assert np.median(shares) > 0.6
    assert min(shares) > 0.25


def test_a_candidate_is_moved_no_further_than_its_latency_asks_for() -> None:
    space = good('{"inception*": {scale: [0.25, 2.0], multiple_of: 1}}', DIGITS)
    pricer, generator = Pricer(DIGITS, space, ["latency"]), np.random.default_rng(0)
    for seed in range(6):
        start = drawn(space, generator)
        for limits in (
            Limits({"latency": Limit(1200)}),
            Limits({"latency": Limit(1200, 1100)}),
            Limits({"latency": Limit(1200), "macs": Limit(900_000, 800_000)}),
        ):
            clock = Clock(MODELS["with an overhead"], seed=seed)
            found = on_budget(pricer, start, limits, clock)
            assert found is not None
            values, cost = found
            assert limits.allows(cost)
            assert cost == cost_of(pricer.plan(values)) | {"latency": cost["latency"]}
            assert clock.measured <= MOST_MEASUREMENTS
            assert cost["latency"] >= 1000 or values == start


def test_what_seemed_fast_once_is_measured_again() -> None:
    times = iter([2000, 2100, 900, 1100, 1050])
    told: list[int] = []

    def measure(plan: Plan) -> int:
        told.append(next(times, round(plan.macs / 2000)))
        return told[-1]

    found = Scaling(DIGITS).onto(Limits({"latency": Limit(1000)}), measure)
    assert found is not None
    assert told[:5] == [2000, 2100, 900, 1100, 1050]  # 900 was good luck: its median is 1050
    assert found[1]["latency"] <= 1000


def test_nothing_is_found_where_even_the_narrowest_network_is_too_slow_and_that_ends() -> None:
    clock = Clock(lambda macs: 1000 + macs)
    assert Scaling(DIGITS).onto(Limits({"latency": Limit(900)}), clock) is None
    assert clock.measured <= MOST_MEASUREMENTS
    plan = DIGITS.plan()
    assert (
        within_latency("same", lambda network: plan, lambda limit: "same", Limits({"latency": Limit(900)}), clock)
        is None
    )


def test_a_network_that_cannot_be_measured_makes_way_for_a_smaller_one() -> None:
    measured: list[int] = []

    def measure(plan: Plan) -> int:
        measured.append(plan.macs)
        if plan.macs > MACS // 2:
            raise NotMeasuredError("out of memory")
        return plan.macs // 1000

    found = Scaling(DIGITS).onto(Limits({"latency": Limit(MACS // 1000)}), measure)
    assert found is not None
    assert found[0].plan().macs <= MACS // 2
    assert len(measured) <= MOST_MEASUREMENTS
    assert len(set(measured)) < len(measured)
    too_large = [macs for macs in measured if macs > MACS // 2]
    assert len(set(too_large)) == len(too_large) > 0


def test_nothing_is_found_where_no_network_can_be_measured() -> None:
    def measure(plan: Plan) -> int:
        raise NotMeasuredError("out of memory")

    assert Scaling(DIGITS).onto(Limits({"latency": Limit(900)}), measure) is None


def test_the_scaled_network_keeps_to_the_counts_too() -> None:
    limits = Limits({"latency": Limit(10_000), "parameters": Limit(5000), "macs": Limit(MACS, MACS)})
    found = Scaling(DIGITS).onto(limits, Clock(MODELS["in proportion"]))
    assert found is not None
    assert found[0].plan().parameters <= 5000
