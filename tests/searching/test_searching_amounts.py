import re
from decimal import Decimal
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator, ValidationError

from archbuilder.searching.amounts import UNITS, parse_amount
from archbuilder.searching.budget import Budget, amounts_text


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


@given(st.integers(1, 10**15 - 1), st.sampled_from(sorted(UNITS)))
def test_a_whole_number_with_a_unit_is_exact(number: int, unit: str) -> None:
    assert parse(f"{number}{unit}") == number * UNITS[unit]


@given(st.integers(1, 10**15 - 1))
def test_a_plain_number_is_itself(number: int) -> None:
    assert parse(number) == parse(str(number)) == number


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("1.5Q", r"expected the unit k, M or G \(thousand, million, billion\)$"),
        ("1.5m", r"expected the unit k, M or G .*; did you mean 1\.5M\?"),
        ("7K", r"did you mean 7k\?"),
        ("lots", "expected a whole number, or one with a unit: 300k, 1.5M or 2G"),
        ("-3M", "expected a whole number, or one with a unit"),
        (-3, "expected a whole number, or one with a unit"),
        (float("inf"), "expected a whole number, or one with a unit"),
        ("9" * 40, "expected"),
        (True, "expected a whole number, or one with a unit"),
        ([1], "expected a whole number, or one with a unit"),
        (0, "expected at least 1"),
        ("0.5", "expected at least 1"),
    ],
)
def test_what_is_no_amount_is_said(written: object, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(written)
    assert re.search(message, caught.value.errors()[0]["msg"]), caught.value


def test_a_budget_allows_what_equals_it_and_no_more() -> None:
    budget = Budget.model_validate({"macs": "1k", "parameters": 50})
    assert budget.limits == {"macs": 1000, "parameters": 50}
    assert budget.allows({"macs": 1000, "parameters": 50})
    assert not budget.allows({"macs": 1001, "parameters": 50})
    assert not budget.allows({"macs": 1000, "parameters": 51})
    assert budget.excess({"macs": 1500, "parameters": 25}) == {"macs": 0.5, "parameters": -0.5}


@given(st.integers(1, 10**9), st.integers(1, 10**15))
def test_a_share_is_of_the_baseline_and_exact(hundredths: int, whole: int) -> None:
    percent = Decimal(hundredths) / 100 % 1000 + 1
    budget = Budget.model_validate({"macs": f"{percent}%", "parameters": 50})
    resolved = budget.resolved({"macs": whole * 100, "parameters": 7, "activations": 7})
    assert resolved.limits == {"macs": int(percent * 100 * whole / 100), "parameters": 50}
    assert resolved.limits["macs"] <= percent * whole < resolved.limits["macs"] + 1


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
        Budget.model_validate({"macs": written})
    assert caught.value.errors()[0]["msg"].startswith(message)


def test_without_bounds_everything_is_allowed() -> None:
    assert Budget().allows({"macs": 10**18, "parameters": 10**18})
    assert Budget().limits == {}


def test_amounts_are_said_in_full_with_their_words() -> None:
    assert amounts_text({"macs": 1_353_472, "parameters": 59_130}) == "1,353,472 MACs and 59,130 parameters"
