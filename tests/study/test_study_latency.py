"""Networks projected onto a latency that is measured by a clock which differs from one moment to the next."""

import random
from collections.abc import Callable

import numpy as np
import pytest

from archbuilder import load
from archbuilder.plan.plan import Plan
from archbuilder.study.budget import Limit, Limits
from archbuilder.study.latency import MOST_MEASUREMENTS, projected_onto_latency, within_latency
from archbuilder.study.pricing import Pricer
from archbuilder.study.scaling import scaled_onto_latency
from study.small_spaces import good

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
    found = scaled_onto_latency(DIGITS, Limits({"latency": Limit(limit)}), clock)
    assert found is not None
    spec, latency = found
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
        found = scaled_onto_latency(DIGITS, Limits({"latency": Limit(limit)}), clock)
        assert found is not None
        assert found[1] <= limit
        assert clock.measured <= MOST_MEASUREMENTS
        shares.append(found[0].plan().macs / allowed)
    assert max(shares) < 1 + 2 * noise
    assert np.median(shares) > 0.6
    assert min(shares) > 0.25


def test_a_candidate_is_moved_no_further_than_its_latency_asks_for() -> None:
    space = good('{"inception*": {scale: [0.25, 2.0], multiple_of: 1}}', DIGITS)
    variant = Pricer(DIGITS, space, ["latency"]).variant({})
    assert variant is not None
    generator = np.random.default_rng(0)
    for seed in range(6):
        start = np.array([generator.integers(len(parameter.values)) for parameter in variant.parameters])
        plan = variant.plan(start)
        assert plan is not None
        for limits in (
            Limits({"latency": Limit(1200)}),
            Limits({"latency": Limit(1200, 1100)}),
            Limits({"latency": Limit(1200), "macs": Limit(900_000, 800_000)}),
        ):
            clock = Clock(MODELS["with an overhead"], seed=seed)
            position = start
            if "macs" in limits.by_quantity:
                from_counts = np.array(
                    [parameter.position(DIGITS.widths[parameter.name]) for parameter in variant.parameters]
                )
                position = from_counts
                if not limits.counted.allows(variant.price(position[None]).row(0)):
                    continue
            found = projected_onto_latency(variant, position, limits, clock)
            assert found is not None
            cost = variant.price(found[0][None]).row(0) | {"latency": found[1]}
            assert limits.allows(cost)
            assert clock.measured <= MOST_MEASUREMENTS
            assert found[1] >= 1000 or np.array_equal(found[0], position)


def test_what_seemed_fast_once_is_measured_again() -> None:
    times = iter([2000, 2100, 900, 1100, 1050])
    told: list[int] = []

    def measure(plan: Plan) -> int:
        told.append(next(times, round(plan.macs / 2000)))
        return told[-1]

    found = scaled_onto_latency(DIGITS, Limits({"latency": Limit(1000)}), measure)
    assert found is not None
    assert told[:5] == [2000, 2100, 900, 1100, 1050]  # 900 was good luck: its median is 1050
    assert found[1] <= 1000


def test_nothing_is_found_where_even_the_narrowest_network_is_too_slow_and_that_ends() -> None:
    clock = Clock(lambda macs: 1000 + macs)
    assert scaled_onto_latency(DIGITS, Limits({"latency": Limit(900)}), clock) is None
    assert clock.measured <= MOST_MEASUREMENTS
    plan = DIGITS.plan()
    assert within_latency("same", lambda network: plan, lambda limit: "same", Limit(900), clock) is None


def test_the_scaled_network_keeps_to_the_counts_too() -> None:
    limits = Limits({"latency": Limit(10_000), "parameters": Limit(5000), "macs": Limit(MACS, MACS)})
    found = scaled_onto_latency(DIGITS, limits, Clock(MODELS["in proportion"]))
    assert found is not None
    assert found[0].plan().parameters <= 5000
