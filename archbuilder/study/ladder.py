"""The budgets of a study: one, or a ladder of them that ends in a front of accuracy against cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic_core import PydanticCustomError

from archbuilder.study.amounts import Goal, Share, parse_goal, parse_share
from archbuilder.study.budget import WORDS, Cost, Limits, limits_of

_EXPECTED = "expected budgets such as [25%, 50%, 75%, 100%], or of another quantity as {parameters: [25%, 50%]}"
_WITHIN = Share(Decimal(2))


@dataclass(frozen=True)
class Step:
    """A budget of its own.

    Attributes:
        name: What a ladder calls it, such as `25%`; empty for a study of one budget.
        limits: What its candidates may cost.
    """

    name: str
    limits: Limits


@dataclass(frozen=True)
class Ladder:
    """Several budgets of one quantity.

    Attributes:
        quantity: What is bounded.
        goals: Ascending as they are written; every candidate of a step is moved onto its goal.
    """

    quantity: str
    goals: tuple[Goal, ...]

    def steps(self, others: Mapping[str, Goal], baseline: Cost) -> tuple[Step, ...]:
        """Give the steps, each within the other goals of the study too, the least first.

        Raises:
            ArchbuilderError: A share comes to less than 1.
        """
        steps = [Step(str(goal.amount), limits_of({**others, self.quantity: goal}, baseline)) for goal in self.goals]
        return tuple(sorted(steps, key=lambda step: step.limits.by_quantity[self.quantity].high))

    def __str__(self) -> str:
        return f"{self.quantity} {', '.join(map(str, self.goals))}"


def parse_ladder(value: Any) -> Ladder:
    """Read a list of budgets on MACs, or a mapping of one quantity to its list and `within`.

    Raises:
        PydanticCustomError: It is something else; the message says what was expected.
    """
    if isinstance(value, list | tuple):
        value = {"macs": value}
    if not isinstance(value, Mapping):
        raise PydanticCustomError("budgets", _EXPECTED)
    quantities = [key for key in value if key != "within"]
    counted = [name for name in WORDS if name != "latency"]
    if len(quantities) != 1 or quantities[0] not in counted or not isinstance(value[quantities[0]], list | tuple):
        raise PydanticCustomError("budgets", f"{_EXPECTED}; quantities are {', '.join(counted)}")
    within = parse_share(value["within"], "2%") if "within" in value else _WITHIN
    if within.percent >= 100:
        raise PydanticCustomError("share", "expected within below 100%")
    amounts = [parse_goal(item).amount for item in value[quantities[0]]]
    if len(amounts) < 2 or len({str(amount) for amount in amounts}) < len(amounts):
        raise PydanticCustomError("budgets", "expected at least two different budgets")
    return Ladder(quantities[0], tuple(Goal(amount, within) for amount in amounts))
