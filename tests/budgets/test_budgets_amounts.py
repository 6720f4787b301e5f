import re
from decimal import Decimal
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator, ValidationError

from archbuilder.budgets.amounts import (
    COUNTS,
    TIMES,
    Goal,
    Share,
    parse_amount,
    parse_goal,
    parse_share,
)
from archbuilder.budgets.budget import Bounds, Limit, Limits, amounts_text, limits_of


class Bound(BaseModel):
    value: Annotated[int, BeforeValidator(parse_amount)]


def parse(value: object) -> int:
    return Bound.model_validate({"value": value}).value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1.5M", 1_500_000),
        ("2G", 2_000_000_000),
        ("300k", 300_000),
        ("300 k", 300_000),
        ("1.353472M", 1_353_472),
        ("1000", 1000),
        (1_500_000, 1_500_000),
        (1.5e6, 1_500_000),
        ("0.0015k", 1),
        ("1.1k", 1100),  # 1.1 * 1000 is 1100.0000000000002 in floats
    ],
)
def test_amounts_are_read_as_people_write_them(written: object, meant: int) -> None:
    assert parse(written) == meant


@given(st.integers(1, 10**15 - 1), st.sampled_from(sorted(COUNTS)))
def test_a_whole_number_with_a_unit_is_exact(number: int, unit: str) -> None:
    assert parse(f"{number}{unit}") == number * COUNTS[unit]


@given(st.integers(1, 10**15 - 1))
def test_a_plain_number_is_itself(number: int) -> None:
    assert parse(number) == parse(str(number)) == number


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("1.5Q", r"expected the unit k, M or G \(thousand, million, billion\)$"),
        ("1.5m", r"expected the unit k, M or G .*; did you mean 1\.5M\?"),
        ("7K", r"did you mean 7k\?"),
        ("lots", "expected an integer, or a number with a unit: 300k, 1.5M or 2G"),
        ("-3M", "expected an integer, or a number with a unit"),
        (-3, "expected an integer, or a number with a unit"),
        (float("inf"), "expected an integer, or a number with a unit"),
        ("9" * 40, "expected"),
        (True, "expected an integer, or a number with a unit"),
        ([1], "expected an integer, or a number with a unit"),
        (0, "expected at least 1"),
        ("0.5", "expected at least 1"),
    ],
)
def test_what_is_no_amount_is_said(written: object, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(written)
    assert re.search(message, caught.value.errors()[0]["msg"]), caught.value


def limits(written: dict[str, object], **baseline: int) -> Limits:
    return limits_of(Bounds.model_validate(written).goals, baseline)


def test_limits_allow_what_equals_them_and_no_more() -> None:
    found = limits({"macs": "1k", "parameters": 50})
    assert found == Limits({"macs": Limit(1000), "parameters": Limit(50)})
    assert found.allows({"macs": 1000, "parameters": 50})
    assert not found.allows({"macs": 1001, "parameters": 50})
    assert not found.allows({"macs": 1000, "parameters": 51})
    assert found.allows({"macs": 1000})  # what is not counted is not bounded
    assert found.excess({"macs": 1500, "parameters": 25}) == 0.5
    assert found.excess({"macs": 500, "parameters": 45}) == pytest.approx(-0.1)
    assert found.text() == "1,000 MACs and 50 parameters"
    assert found.described() == {"macs": 1000, "parameters": 50}
    assert found.of({"macs": 7, "activations": 8}) == {"macs": 7}


def test_a_target_is_reached_from_below() -> None:
    found = limits({"macs": {"target": "60%"}, "parameters": {"target": "1k", "within": "2.5%"}}, macs=1000)
    assert found.by_quantity == {"macs": Limit(600, 594), "parameters": Limit(1000, 975)}
    assert found.allows({"macs": 594, "parameters": 1000})
    assert not found.allows({"macs": 593, "parameters": 1000})
    assert not found.allows({"macs": 601, "parameters": 1000})
    assert found.text() == "594 to 600 MACs and 975 to 1,000 parameters"
    assert found.described() == {"macs": [594, 600], "parameters": [975, 1000]}


@given(st.integers(1, 10**12), st.integers(1, 9999))
def test_how_far_below_a_target_is_exact(amount: int, hundredths: int) -> None:
    within = Decimal(hundredths) / 100
    (limit,) = limits({"macs": {"target": amount, "within": f"{within}%"}}).by_quantity.values()
    assert limit.high == amount
    assert limit.low - 1 < amount * (100 - within) / 100 <= limit.low


@given(st.integers(1, 10**9), st.integers(1, 10**15))
def test_a_share_is_of_the_baseline_and_exact(hundredths: int, whole: int) -> None:
    percent = Decimal(hundredths) / 100 % 1000 + 1
    found = limits({"macs": f"{percent}%", "parameters": 50}, macs=whole * 100, parameters=7, activations=7)
    high = found.by_quantity["macs"].high
    assert high == int(percent * 100 * whole / 100)
    assert high <= percent * whole < high + 1
    assert found.by_quantity["parameters"] == Limit(50)


def test_a_share_of_what_is_not_known_yet_is_no_limit_yet() -> None:
    goals = Bounds.model_validate({"latency": "80%", "macs": 5}).goals
    assert limits_of(goals, {"macs": 9}).by_quantity == {"macs": Limit(5)}
    assert limits_of(goals, {"macs": 9, "latency": 1000}).by_quantity == {"macs": Limit(5), "latency": Limit(800)}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("0%", "expected a share above 0%"),
        ("100001%", "expected a share above 0% and at most 100,000%"),
        ("60 %%", "expected a share of the baseline such as 60%"),
        ("1.5M%", "expected a share of the baseline such as 60%"),
        ("-5%", "expected a share of the baseline such as 60%"),
    ],
)
def test_what_is_no_share_is_said(written: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Bounds.model_validate({"macs": written})
    assert caught.value.errors()[0]["msg"].startswith(message)


def test_without_bounds_everything_is_allowed() -> None:
    assert limits({}).allows({"macs": 10**18, "parameters": 10**18})
    assert limits({}).excess({"macs": 10**18}) == 0
    assert limits({}).by_quantity == {}


def test_amounts_are_said_in_full_with_their_words() -> None:
    assert amounts_text({"macs": 1_353_472, "parameters": 59_130}) == "1,353,472 MACs and 59,130 parameters"
    assert amounts_text({"memory": 5000, "latency": 1200}) == "5,000 bytes of memory and 1,200 µs of latency"


@pytest.mark.parametrize(
    ("written", "meant"), [("3ms", 3000), ("800us", 800), ("0.5s", 500_000), (" 1.5 ms ", 1500), ("0.0015ms", 1)]
)
def test_times_are_read_with_their_units(written: str, meant: int) -> None:
    assert limits({"latency": written}).by_quantity == {"latency": Limit(meant)}


@given(st.integers(1, 10**9), st.sampled_from(sorted(TIMES)))
def test_a_whole_time_is_exact(number: int, unit: str) -> None:
    assert parse_amount(f"{number}{unit}", is_time=True) == number * TIMES[unit]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"latency": 3}, "expected a time with its unit: 800us, 3ms or 0.5s"),
        ({"latency": "3"}, "expected a time with its unit"),
        ({"latency": "3min"}, "expected a time with its unit"),
        ({"latency": "3M"}, "expected a time with its unit"),
        ({"latency": "0.1us"}, "expected at least 1"),
        ({"macs": "3ms"}, "expected the unit k, M or G"),
        ({"macs": {"target": "60%", "with": "1%"}}, r"expected a bound such as 1.5M or 60%, or a target such as"),
        ({"macs": {"within": "1%"}}, r"or a target such as {target: 60%, within: 1%}"),
        ({"macs": {"target": "60%", "within": "100%"}}, "expected within below 100%"),
        ({"macs": {"target": "60%", "within": "1"}}, "expected a share such as 1%"),
        ({"macs": {"target": "60%", "within": 0.01}}, "expected a share such as 1%"),
        ({"macs": {"target": "lots"}}, "expected an integer, or a number with a unit"),
        ({"latency": {"target": 3}}, "expected a time with its unit"),
        ({"memory": "2Q"}, "expected the unit k, M or G"),
    ],
)
def test_what_is_no_goal_is_said(written: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Bounds.model_validate(written)
    assert message in caught.value.errors()[0]["msg"]


@given(st.integers(1, 10**7), st.integers(1, 99))
def test_goals_are_said_as_they_are_written(hundredths: int, within: int) -> None:
    share = parse_share(f"{Decimal(hundredths) / 100}%")
    assert parse_share(str(share)) == share
    target = parse_goal({"target": str(share), "within": f"{within}%"})
    assert target == Goal(share, Share(Decimal(within)))
    assert str(target) == f"{share} within {within}%"
    assert str(parse_goal("1.5M")) == "1500000"
    assert parse_goal(target) is target
