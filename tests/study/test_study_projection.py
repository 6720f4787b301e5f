"""A candidate is moved onto the budget: within it by the plan's own counts, and as near to what it was as that goes."""

from itertools import product
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from archbuilder import NetworkSpec, load
from archbuilder.budgets.budget import Limit, Limits, cost_of
from archbuilder.costs.memory import inference_memory
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.study.hyperparameters import Values
from archbuilder.study.pricing import Pricer, Variant
from archbuilder.study.projection import projected
from archbuilder.study.space import Space
from study.small_spaces import TINY, drawn, good, widths_at

DIGITS, GOOGLENET = load("inception_digits"), load("googlenet")
_BLOCKS = "inception*.{1x1,3x3red,3x3,5x5red,5x5,pool_proj}"
SPACES = {
    "24 widths": (DIGITS, f'{{"{_BLOCKS}": {{scale: [0.25, 2.0], multiple_of: 4}}}}'),
    "24 widths that may be 0": (DIGITS, f'{{"{_BLOCKS}": [0, 4, 8, 16, 32]}}'),
    "13 widths and 12 in two ties": (
        DIGITS,
        '{"*": {scale: [0.25, 2.0], multiple_of: 2}, "inception2*.{3x3red,3x3,1x1}": {scale: [0.5, 2], tie: true}, '
        '"inception3*.5x5*": [4, 8, 12], "inception3*.{1x1,3x3red,pool_proj}": {choices: [8, 16, 24, 32], tie: true}}',
    ),
    "54 widths": (GOOGLENET, f'{{"{_BLOCKS}": {{scale: [0.25, 2.0], multiple_of: 8}}}}'),
}
SMALL = {
    "tied": '{"*": {scale: [0.25, 3.0], tie: true}}',
    "some may be 0": '{"mix.{1x1,3x3red,3x3,pool_proj}": [0, 3, 5, 9]}',
    "a block may be left with nothing": '{"mix.{1x1,3x3,5x5,pool_proj}": [0, 4, 12]}',
}


def within(plan: Plan, limits: Limits) -> bool:
    """Count anew, by the plan alone."""
    counts = {"macs": plan.macs, "parameters": plan.parameters, "activations": cost_of(plan)["activations"]}
    counts["memory"] = inference_memory(plan).peak + 4 * plan.parameters
    return all(limit.low <= counts[name] <= limit.high for name, limit in limits.by_quantity.items())


def sizes(space: Space, position: NDArray[np.int64]) -> list[int]:
    return [sum(parameter.table[number]) for parameter, number in zip(space.width_parameters, position, strict=True)]


class Moved:
    """A candidate before and after."""

    def __init__(self, spec: NetworkSpec, space: Space, values: Values, limits: Limits) -> None:
        self.spec, self.space, self.limits = spec, space, limits
        pricer = Pricer(spec, space, limits.by_quantity)
        variant = pricer.variant(values)
        assert variant is not None
        self.variant: Variant = variant
        self.before = pricer.position(values)
        self.after = projected(variant, self.before.copy(), limits)
        again = projected(variant, self.before.copy(), limits)
        assert (again is None) == (self.after is None)
        if again is not None and self.after is not None:
            assert np.array_equal(again, self.after)
        self.plan_before = try_plan(spec.document, widths_at(space, values))[0]
        if self.after is not None:
            self.check(pricer, values)

    def check(self, pricer: Pricer, values: Values) -> None:
        """Check all that is true of every repaired candidate."""
        assert self.after is not None
        moved = pricer.values(self.after, values)
        assert all(value in self.space.by_name[name].values for name, value in moved.items())
        plan = try_plan(self.spec.document, widths_at(self.space, moved))[0]
        assert plan is not None
        assert within(plan, self.limits), (cost_of(plan), self.limits)
        own, now = sizes(self.space, self.before), sizes(self.space, self.after)
        if self.plan_before is None:
            assert all(size == 0 or after > 0 for size, after in zip(own, now, strict=True))
        else:
            assert [size == 0 for size in own] == [size == 0 for size in now]
            if within(self.plan_before, self.limits):
                assert np.array_equal(self.before, self.after)

    @property
    def is_reachable(self) -> bool:
        """Whether the narrowest and the widest with the same branches lie on both sides of the limits."""
        low, high = self.before.copy(), self.before.copy()
        for column, parameter in enumerate(self.space.width_parameters):
            if parameter.sizes[self.before[column]]:
                low[column], high[column] = int(np.searchsorted(parameter.sizes, 1)), len(parameter.values) - 1
        priced = self.variant.price(np.stack([low, high]))
        return all(
            priced.counts[name][0] <= limit.high and priced.counts[name][1] >= limit.low
            for name, limit in self.limits.by_quantity.items()
        )


def drawn_limits(random: np.random.Generator, base: dict[str, int], kind: str) -> Limits:
    share = random.uniform(0.15, 1.6)
    macs = int(share * base["macs"])
    parameters = Limit(int(base["parameters"] * random.uniform(0.3, 1.6)))
    loose = Limit(int(base["parameters"] * share * 1.5))
    match kind:
        case "a bound":
            return Limits({"macs": Limit(macs)})
        case "two bounds":
            return Limits({"macs": Limit(macs), "parameters": parameters})
        case "a target":
            return Limits({"macs": Limit(macs, ceil(0.99 * macs))})
        case "a target and a bound":
            return Limits({"macs": Limit(macs, ceil(0.99 * macs)), "parameters": loose})
        case _:
            return Limits({"macs": Limit(macs), "memory": Limit(int(base["memory"] * random.uniform(0.6, 1.2)))})


@pytest.mark.parametrize("kind", ["a bound", "two bounds", "a target", "a target and a bound", "memory"])
@pytest.mark.parametrize("name", SPACES)
def test_every_candidate_is_moved_within_limits_that_can_be_met(name: str, kind: str) -> None:
    spec, text = SPACES[name]
    space, random = good(text, spec), np.random.default_rng(len(name) + len(kind))
    plan = spec.plan()
    base = cost_of(plan) | {"memory": inference_memory(plan).peak + 4 * plan.parameters}
    rounds, tried, lost = {"54 widths": 8, "24 widths": 30}.get(name, 25), 0, 0
    if kind == "memory":
        rounds = 1 if name == "54 widths" else 3  # each is planned, many times
    for _ in range(rounds):
        moved = Moved(spec, space, drawn(space, random), drawn_limits(random, base, kind))
        if moved.plan_before is not None and moved.is_reachable:
            tried += 1
            lost += moved.after is None
    assert tried >= rounds / 3
    assert lost == 0


@given(st.sampled_from(sorted(SMALL)), st.integers(0, 2**32 - 1), st.sampled_from([0, 0, 0.9, 0.98, 0.99]))
@settings(deadline=None, max_examples=60)
def test_none_is_given_only_where_nothing_was_found_and_never_where_a_bound_can_be_met(
    name: str, seed: int, share: float
) -> None:
    space, random = good(SMALL[name]), np.random.default_rng(seed)
    macs = int(random.integers(2_000, 30_000))
    limits = Limits({"macs": Limit(macs, ceil(share * macs))})
    moved = Moved(TINY, space, drawn(space, random), limits)
    rows = np.array(list(product(*(range(len(parameter.values)) for parameter in space.hyperparameters))))
    dropped = np.array([sizes(space, row) for row in rows]) == 0
    prices = moved.variant.price(rows)
    reached = prices.is_valid & limits.allows(prices.counts)
    if moved.plan_before is None:
        return
    reached &= (dropped == (np.array(sizes(space, moved.before)) == 0)).all(axis=1)
    if not reached.any():
        assert moved.after is None
    elif not share or name == "tied":  # of one parameter every value is gone through
        assert moved.after is not None


def test_branches_come_back_only_where_nothing_is_left() -> None:
    space = good('{"inception2*.{1x1,3x3,5x5,pool_proj}": [0, 4, 8]}', DIGITS)
    values = dict.fromkeys(space.by_name, 8) | {f"inception2a.{key}": 0 for key in ("1x1", "3x3", "5x5", "pool_proj")}
    values["inception2b.3x3"] = 0
    pricer = Pricer(DIGITS, space, ["macs"])
    variant = pricer.variant(values)
    assert variant is not None
    found = projected(variant, pricer.position(values), Limits({"macs": Limit(2_000_000)}))
    assert found is not None
    moved = pricer.values(found, values)
    assert {name: value for name, value in moved.items() if value != values[name]} == {
        f"inception2a.{key}": 4 for key in ("1x1", "3x3", "5x5", "pool_proj")
    }
    assert moved["inception2b.3x3"] == 0


def test_widths_keep_their_proportions() -> None:
    space = good('{"inception*.{1x1,3x3}": {scale: [0.1, 4]}}', DIGITS)
    pricer = Pricer(DIGITS, space, ["macs"])
    variant, own = pricer.variant({}), space.values_of(DIGITS)
    assert variant is not None
    assert own is not None
    found = projected(variant, pricer.position(own), Limits({"macs": Limit(900_000)}))
    assert found is not None
    factors = [width / DIGITS.widths[name] for name, width in space.widths(pricer.values(found, own)).items()]
    middle = sorted(factors)[len(factors) // 2]
    assert middle < 1
    own_widths = [DIGITS.widths[name] for name in space.width_names]
    assert all(abs(factor - middle) * width <= 1 for factor, width in zip(factors, own_widths, strict=True))


def test_nothing_to_turn_is_nothing_to_move() -> None:
    spec, space = DIGITS, good('{"conv1.kernel": [3, 5]}', DIGITS)
    pricer = Pricer(spec, space, ["macs"])
    for kernel, macs in ((3, 1_353_472), (5, 1_369_856)):
        variant = pricer.variant({"conv1.kernel": kernel})
        assert variant is not None
        position = pricer.position({"conv1.kernel": kernel})
        assert projected(variant, position, Limits({"macs": Limit(macs)})) is not None
        assert projected(variant, position, Limits({"macs": Limit(macs - 1)})) is None


def test_what_is_no_network_however_wide_is_none() -> None:
    text = """
input: {channels: 3, height: 8, width: 8}
classes: 4
layers:
  - add: [[{name: left, type: conv, out: 8, kernel: 1}], [{name: right, type: conv, out: 8, kernel: 1}]]
  - {name: gap, type: global_avg_pool}
  - {name: flat, type: flatten}
  - {name: fc, type: linear, out: 4}
"""
    spec = NetworkSpec.from_text(text)
    limits = Limits({"macs": Limit(2_000)})
    apart = good('{"left.out": [4, 8], "right.out": [4, 8]}', spec)
    assert Moved(spec, apart, {"left.out": 4, "right.out": 8}, limits).after is None
    together = good('{"*": {choices: [1, 4, 8, 16], tie: true}}', spec)
    moved = Moved(spec, together, {"*": 16}, limits)
    assert moved.after is not None
    assert together.width_parameters[0].values[int(moved.after[0])] == 4  # 4 x 3 x 64 x 2 and a head of 16
