"""Several budgets of one quantity, the least first, each a target within what is bounded besides."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError
from support.tiny_studies import STUDY, a_study

from archbuilder import ArchbuilderError, SpecError
from archbuilder.budgets.amounts import Goal, parse_goal
from archbuilder.budgets.budget import Limit, parse_ladder


def test_a_list_is_of_macs_and_each_a_target_within_two_percent() -> None:
    ladder = parse_ladder(["100%", "25%", "50%"])
    assert (ladder.quantity, str(ladder)) == ("macs", "macs 100% within 2%, 25% within 2%, 50% within 2%")
    steps = ladder.budgets({}, {"macs": 1000})
    assert [(step.name, step.limits.by_quantity) for step in steps] == [
        ("25%", {"macs": Limit(250, 245)}),
        ("50%", {"macs": Limit(500, 490)}),
        ("100%", {"macs": Limit(1000, 980)}),
    ]


def test_counts_shares_and_other_quantities() -> None:
    ladder = parse_ladder({"parameters": ["1k", "250%"], "within": "10%"})
    steps = ladder.budgets({"macs": parse_goal("60%")}, {"macs": 1000, "parameters": 300})
    assert [step.limits.by_quantity for step in steps] == [
        {"macs": Limit(600), "parameters": Limit(750, 675)},
        {"macs": Limit(600), "parameters": Limit(1000, 900)},
    ]
    with pytest.raises(ArchbuilderError, match=r"^0.1% of 300 parameters is less than 1$"):
        parse_ladder({"parameters": ["0.1%", "250%"]}).budgets({}, {"parameters": 300})


@given(st.lists(st.integers(1, 500), min_size=2, max_size=6, unique=True))
def test_steps_ascend(percents: list[int]) -> None:
    steps = parse_ladder([f"{percent}%" for percent in percents]).budgets({}, {"macs": 10**6})
    assert [step.name for step in steps] == [f"{percent}%" for percent in sorted(percents)]
    assert all(isinstance(goal, Goal) for goal in parse_ladder([f"{percent}%" for percent in percents]).goals)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("50%", r"^expected budgets such as \[25%, 50%, 75%, 100%\], or of another quantity as \{parameters"),
        (3, "^expected budgets such as"),
        ({}, "quantities are macs, parameters, activations, memory$"),
        ({"macs": "50%"}, "quantities are macs, parameters, activations, memory$"),
        ({"macs": ["50%", "60%"], "parameters": ["50%", "60%"]}, "quantities are macs"),
        ({"latency": ["50%", "60%"]}, "quantities are macs, parameters, activations, memory$"),
        ({"flops": ["50%", "60%"]}, "quantities are macs"),
        (["50%"], "^expected at least two different budgets$"),
        ([], "^expected at least two different budgets$"),
        (["50%", "50.0%"], "^expected at least two different budgets$"),
        (["1k", 1000], "^expected at least two different budgets$"),
        (["50%", "half"], "^expected an integer, or a number with a unit"),
        (["50%", "0%"], "^expected a share above 0%"),
        ({"macs": ["50%", "60%"], "within": "100%"}, "^expected within below 100%$"),
        ({"macs": ["50%", "60%"], "within": 2}, "^expected a share such as 2%$"),
    ],
)
def test_what_is_wrong_is_said(written: object, message: str) -> None:
    with pytest.raises(PydanticCustomError, match=message):
        parse_ladder(written)


def changed(budgets: str, budget: str = "") -> str:
    return STUDY.replace("budget: {macs: 20k}", f"budgets: {budgets}{budget}")


def test_a_study_has_a_step_for_each_budget(tmp_path: Path) -> None:
    study = a_study(tmp_path, changed("[100%, 50%]", "\nbudget: {parameters: 1k}"))
    assert [step.name for step in study.budgets] == ["50%", "100%"]
    assert study.budgets[0].limits.by_quantity == {"parameters": Limit(1000), "macs": Limit(5_808, 5_692)}
    assert sorted(study.bounded) == ["macs", "parameters"]


def test_one_budget_is_one_step_without_a_name(tmp_path: Path) -> None:
    (step,) = a_study(tmp_path).budgets
    assert (step.name, step.limits.by_quantity) == ("", {"macs": Limit(20_000)})


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (
            changed("[50%, 100%]", "\nbudget: {macs: 20k}"),
            r"6:\d+  budgets\n.*\n.*budget bounds macs too: remove it from",
        ),
        (changed("[0.001%, 100%]"), r"6:\d+  budgets\n.*\n.*0\.001% of 11,616 MACs is less than 1"),
        (changed("[20%, 100%]"), r"6:\d+  budgets\n.*\n.*20%: no candidate is within it: the smallest .* 3,984 MACs"),
        (changed("[50%]"), r"6:\d+  budgets\n.*\n.*found .*, expected at least two different budgets"),
        (changed("{latency: [50%, 60%]}"), r"6:\d+  budgets\n.*\n.*quantities are macs, parameters"),
    ],
)
def test_what_is_wrong_with_the_budgets_of_a_study_is_said_with_its_place(
    tmp_path: Path, study: str, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        a_study(tmp_path, study)


def test_a_share_of_the_latency_is_known_when_it_is_measured(tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY.replace("macs: 20k", "macs: 20k, latency: 80%"))
    assert study.budgets[0].limits.by_quantity == {"macs": Limit(20_000)}
    assert study.with_latency(500).budgets[0].limits.by_quantity == {"macs": Limit(20_000), "latency": Limit(400)}
    assert a_study(tmp_path, STUDY.replace("macs: 20k", "latency: 3ms")).budgets[0].limits.by_quantity == {
        "latency": Limit(3000)
    }


def test_a_share_of_the_memory(tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY.replace("macs: 20k", "memory: 50%"))
    memory = study.baseline_cost["memory"]
    assert memory > 0
    assert study.budgets[0].limits.by_quantity == {"memory": Limit(memory // 2)}
