"""The spec scaled uniformly: as wide as the budget lets it be, and no wider."""

from collections.abc import Mapping

import numpy as np
import pytest
from study.small_spaces import TINY

from archbuilder import NetworkSpec, load
from archbuilder.budgets.budget import Limit, Limits, cost_of
from archbuilder.budgets.scaling import Scaling
from archbuilder.costs.quantities import memory_of


def uniformly_scaled(
    spec: NetworkSpec, limits: Limits, multiples: Mapping[str, int] | None = None
) -> NetworkSpec | None:
    found = Scaling(spec, multiples).onto(limits)
    if found is None:
        return None
    scaled, cost = found
    assert cost == cost_of(scaled.plan(), limits.by_quantity)
    return scaled


def multiplied(spec: NetworkSpec, multiplier: float) -> dict[str, int]:
    heads = {head.name for head in spec.plan().heads}
    return {
        name: width if name.partition(".")[0] in heads else int(max(1, np.round(multiplier * width))) if width else 0
        for name, width in spec.widths.items()
    }


@pytest.mark.parametrize("quantity", ["macs", "parameters", "activations", "memory"])
@pytest.mark.parametrize("percent", [25, 60, 100, 200])
def test_it_is_within_the_budget_and_one_width_of_the_next_multiplier_more_is_not(quantity: str, percent: int) -> None:
    spec = load("inception_digits")
    base = cost_of(spec.plan()) | {"memory": memory_of(spec.plan())}
    limits = Limits({quantity: Limit(base[quantity] * percent // 100)})
    scaled = uniformly_scaled(spec, limits)
    assert scaled is not None
    cost = cost_of(scaled.plan()) | {"memory": memory_of(scaled.plan())}
    assert limits.allows(cost)
    grid = [multiplied(spec, multiplier) for multiplier in np.geomspace(1 / 64, 64, 4096)]
    steps = [widths for number, widths in enumerate(grid) if not number or widths != grid[number - 1]]
    position = max(number for number, widths in enumerate(steps) if all(scaled.widths[s] >= widths[s] for s in widths))
    narrow, wide = steps[position : position + 2]
    growing = [name for name in narrow if narrow[name] < wide[name]]
    grown = [name for name in growing if scaled.widths[name] == wide[name]]
    assert scaled.widths == narrow | {name: wide[name] for name in grown}
    assert grown == growing[: len(grown)]
    more = spec.set(narrow | {name: wide[name] for name in growing[: len(grown) + 1]}).plan()
    assert not limits.allows(cost_of(more) | {"memory": memory_of(more)})
    if percent == 100:
        assert scaled.widths == spec.widths
    assert {name: width for name, width in scaled.widths.items() if name.startswith("aux1.")} == {
        name: width for name, width in spec.widths.items() if name.startswith("aux1.")
    }
    assert scaled.text.startswith("# yaml-language-server")


def test_googlenet_keeps_its_heads_and_its_shape() -> None:
    spec = load("googlenet")
    scaled = uniformly_scaled(spec, Limits({"macs": Limit(spec.plan().macs // 2)}))
    assert scaled is not None
    factors = {name: width / spec.widths[name] for name, width in scaled.widths.items()}
    assert {factor for name, factor in factors.items() if name.startswith("aux")} == {1.0}
    rest = [factor for name, factor in factors.items() if not name.startswith("aux")]
    assert 0.6 < min(rest) <= max(rest) < 0.8
    assert 0.499 < scaled.plan().macs / spec.plan().macs <= 0.5


def test_a_target_is_no_reason_to_find_nothing_and_every_bound_counts() -> None:
    found = uniformly_scaled(TINY, Limits({"macs": Limit(11_000, 10_999), "parameters": Limit(500)}))
    assert found is not None
    assert found.plan().macs <= 11_000
    assert found.plan().parameters <= 500


def test_branches_that_are_left_out_stay_so() -> None:
    found = uniformly_scaled(TINY.set({"mix.3x3": 0}), Limits({"macs": Limit(30_000)}))
    assert found is not None
    assert found.widths["mix.3x3"] == 0
    assert found.widths["mix.1x1"] > 4


def test_nothing_is_found_where_a_width_of_one_is_too_much() -> None:
    assert uniformly_scaled(TINY, Limits({"macs": Limit(10)})) is None
    assert uniformly_scaled(TINY, Limits({"memory": Limit(10)})) is None


@pytest.mark.parametrize("percent", [30, 60, 100, 170])
def test_widths_are_multiples_of_what_the_search_takes_multiples_of(percent: int) -> None:
    spec = load("inception_digits")
    multiples = {name: 4 if name.startswith("inception") else 3 for name in spec.widths if not name.startswith("aux")}
    limit = Limit(spec.plan().macs * percent // 100)
    scaled = uniformly_scaled(spec, Limits({"macs": limit}), multiples)
    assert scaled is not None
    assert 0.6 * limit.high < scaled.plan().macs <= limit.high
    assert all(scaled.widths[name] % multiple == 0 < scaled.widths[name] for name, multiple in multiples.items())
    # What the search leaves alone is scaled too, to any whole number.
    some = {name: 8 for name in multiples if name.startswith("inception4a")}
    freer = uniformly_scaled(spec, Limits({"macs": limit}), some)
    assert freer is not None
    assert all(freer.widths[name] % 8 == 0 for name in some)
