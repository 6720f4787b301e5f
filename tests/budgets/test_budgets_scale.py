"""`archbuilder.scale`: properties over random specs, and what it says when it cannot scale."""

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.language_specs import language_spec
from support.random_specs import specs

from archbuilder import ArchbuilderError, NetworkSpec, load, scale
from archbuilder.budgets.budget import cost_of
from archbuilder.budgets.scale import Scaled, scaled_onto
from archbuilder.budgets.scaling import Scaling
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan

HEAD = "# what I noted first\n"
TAIL = "# and last\n"
SEVEN = """\
name: seven
input: {channels: 3, height: 4, width: 4}
classes: 2
layers:
  - {name: a, type: conv, out: 14, kernel: 1}
  - {name: b, type: conv, out: 14, kernel: 1, groups: 7}
  - {type: global_avg_pool}
  - {type: flatten}
  - {type: linear, out: 2}
"""


def path_of(spec: NetworkSpec, scaled: Scaled, steps: dict[str, int]) -> list[dict[str, int]]:
    """Return the widths that one multiplier gives, ascending, by the rule of the guide: round, at least the step."""
    rows: list[dict[str, int]] = []
    own = {name: spec.widths[name] for name in scaled.names}
    for multiplier in np.geomspace(1 / max(own.values()), 64, 4096):
        row = {name: max(1, round(multiplier * width / steps[name])) * steps[name] for name, width in own.items()}
        if not rows or row != rows[-1]:
            rows.append(row)
    return rows


def operations(plan: Plan | None) -> list[str] | None:
    return None if plan is None else [op.name for layer in plan.layers for op in layer.ops]


def wider(spec: NetworkSpec, scaled: Scaled, steps: dict[str, int]) -> Iterator[Plan]:
    """Give valid networks that are wider, on the same path: those right after the scaled one, and some of the rest."""
    path = path_of(spec, scaled, steps)
    widths = scaled.spec.widths
    position = max(number for number, row in enumerate(path) if all(row[name] <= widths[name] for name in row))
    for row in [*path[position + 1 : position + 9], *path[position + 9 :: 97]]:
        plan = try_plan(spec.document, row)[0]
        if plan is not None:
            yield plan
    if position + 1 < len(path):
        narrow, wide = path[position : position + 2]
        growing = [name for name in narrow if narrow[name] < wide[name]]
        grown = [name for name in growing if widths[name] == wide[name]]
        assert widths == {**widths, **narrow, **{name: wide[name] for name in grown}}
        assert grown == growing[: len(grown)]
        more = try_plan(spec.document, narrow | {name: wide[name] for name in growing[: len(grown) + 1]})[0]
        if more is not None and operations(more) == operations(try_plan(spec.document, narrow)[0]):
            yield more


def check(spec: NetworkSpec, quantity: str, percent: int, multiple_of: int | None) -> None:
    own = cost_of(spec.plan())
    if own[quantity] * percent < 100:
        return
    try:
        scaled = scaled_onto(spec, {quantity: f"{percent}%"}, multiple_of=multiple_of)
    except ArchbuilderError as error:
        found = str(error)
        assert re.search(
            "no scaling is within .*: the smallest one has|no factor gives a valid network|no width", found
        )
        if multiple_of is None:  # the spec itself is the network of factor 1
            assert percent < 100 or "has no width that can be scaled" in found, found
        return
    plan, limit = scaled.spec.plan(), own[quantity] * percent // 100
    assert cost_of(plan)[quantity] <= limit
    assert cost_of(plan) == scaled.costs[1]
    heads = tuple(f"{head.name}." for head in plan.heads)
    for name, width in spec.widths.items():
        assert scaled.spec.widths[name] == width or (name in scaled.names and not name.startswith(heads))
    multiples = None if multiple_of is None else dict.fromkeys(spec.widths, multiple_of)
    steps = dict(zip(scaled.names, map(int, Scaling(spec, multiples).steps), strict=True))
    assert all(scaled.spec.widths[name] % step == 0 < scaled.spec.widths[name] for name, step in steps.items())
    assert all(cost_of(more)[quantity] > limit for more in wider(spec, scaled, steps))
    if percent == 100 and multiple_of is None:
        assert cost_of(plan)[quantity] == own[quantity]
    text = scaled.spec.text
    assert text.startswith(HEAD)
    assert text.endswith(TAIL)
    assert re.sub(r"\d+", "0", text) == re.sub(r"\d+", "0", spec.text)  # comments, layout and order of keys


QUANTITIES = st.sampled_from(["macs", "parameters", "activations"])
PERCENTS = st.one_of(st.just(100), st.integers(10, 250))


@settings(max_examples=25)
@given(specs(), QUANTITIES, PERCENTS, st.sampled_from([None, None, 2, 3]))
def test_random_specs_are_as_wide_as_the_budget_allows(
    values: dict[str, Any], quantity: str, percent: int, multiple_of: int | None
) -> None:
    text = NetworkSpec.from_dict(values).text
    check(NetworkSpec.from_text(HEAD + text + TAIL), quantity, percent, multiple_of)


@settings(max_examples=25)
@given(st.integers(0, 10**6), QUANTITIES, PERCENTS, st.sampled_from([None, None, 2]))
def test_so_are_specs_over_the_whole_language(seed: int, quantity: str, percent: int, multiple_of: int | None) -> None:
    text = json.dumps(language_spec(seed), indent=1)  # which is YAML, too
    check(NetworkSpec.from_text(HEAD + text + "\n" + TAIL), quantity, percent, multiple_of)


def test_a_spec_is_named_or_given_and_bounds_are_those_of_studies() -> None:
    spec = load("inception_digits")
    half = scale(spec, {"macs": "50%"})
    assert 0.49 * spec.plan().macs < half.plan().macs <= 0.5 * spec.plan().macs
    assert scale("inception_digits", {"macs": spec.plan().macs // 2}).text == half.text
    assert scale(spec, {"macs": {"target": "50%", "within": "1%"}}).text == half.text
    assert scale(spec, {"macs": "100%"}).text == spec.text
    both = scale(spec, {"macs": "50%", "parameters": 20_000})
    assert both.plan().macs < half.plan().macs
    assert both.plan().parameters <= 20_000


def test_groups_are_kept_whole_beside_multiples_that_are_asked_for() -> None:
    spec = load("ghostnet_timm")  # its layers split into equal halves
    half = scale(spec, {"macs": "50%"})
    assert 0.49 * spec.plan().macs < half.plan().macs <= 0.5 * spec.plan().macs
    assert {width % 2 for width in half.widths.values()} == {0}
    threes = scale(spec, {"macs": "50%"}, multiple_of=3)
    assert {width % 6 for width in threes.widths.values()} == {0}


def test_widths_of_zero_stay() -> None:
    spec = load("inception_digits").set({"inception2a.3x3": 0})
    double = scale(spec, {"parameters": "200%"})
    assert double.widths["inception2a.3x3"] == 0
    assert double.plan().parameters > 1.95 * spec.plan().parameters


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"budget": {}}, "scale: the budget is empty; expected a bound such as macs: 50%"),
        ({"budget": {"macs": True}}, "budget.macs: found true, expected an integer, or a number with a unit"),
        ({"budget": {"params": "1M"}}, "budget.params: unknown key 'params' for budget"),
        (
            {"budget": {"macs": "50%"}, "multiple_of": 0},
            "scale: found multiple_of=0, expected an integer",
        ),
        (
            {"budget": {"macs": "50%"}, "latency": {"batch_size": 4}},
            "scale: latency says how it is measured, but the budget does not bound it",
        ),
        ({"budget": {"latency": "3ms"}, "latency": {"batch": 4}}, "latency.batch: unknown key 'batch' for latency"),
        ({"budget": {"macs": "10%"}, "multiple_of": 512}, "no scaling is within 135,347 MACs: the smallest one has"),
    ],
)
def test_what_is_wrong_is_said(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchbuilderError, match=re.escape(message)):
        scale("inception_digits", **arguments)


def test_an_invalid_network_of_every_factor_is_said() -> None:
    spec = NetworkSpec.from_text(SEVEN)
    with pytest.raises(ArchbuilderError, match="<text>: no factor gives a valid network; try another multiple_of"):
        scale(spec, {"macs": "50%"}, multiple_of=60_000)
    assert scale(spec, {"macs": "50%"}).widths == {"a.out": 7, "b.out": 7}
