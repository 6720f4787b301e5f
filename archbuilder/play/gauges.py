"""Amounts of a network beside a baseline's and the budget that a person wrote."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from archbuilder.budgets.amounts import parse_goal
from archbuilder.budgets.budget import limits_of
from archbuilder.errors import ArchbuilderError
from archbuilder.numbers import relative, short

SHOWN = {"macs": "MACs", "parameters": "Parameters", "activations": "Activations", "memory": "Memory"}
"""The quantities that are shown, with their labels."""


@dataclass(frozen=True)
class Gauge:
    """One quantity.

    Attributes:
        quantity: Its name.
        label: Its label.
        amount: The amount, for people.
        change: How far it is from the baseline: `-12.5 %`; `unchanged`; empty without a baseline.
        limit: The limit, for people; empty without one.
        share: The amount as a share of the limit; of the baseline's amount without one.
        is_over: Whether it exceeds the limit.
        problem: What is wrong with what was written as the limit; empty if nothing.
    """

    quantity: str
    label: str
    amount: str
    change: str
    limit: str
    share: float
    is_over: bool
    problem: str = ""

    @property
    def said(self) -> str:
        """What is to be said of the amount."""
        limit = f"{'over' if self.is_over else 'of'} {self.limit}" if self.limit else ""
        return self.problem or " · ".join(part for part in (limit, self.change) if part)


def gauges(costs: Mapping[str, int], baseline: Mapping[str, int], goals: Mapping[str, str]) -> list[Gauge]:
    """Return a gauge for each quantity that is known.

    Args:
        costs: The amounts of the network.
        baseline: Those of the network that it is compared with; empty if that is not valid.
        goals: Limits by quantity as they were written: `60%`, `1.5M`; empty for none.
    """
    return [
        _gauge(name, costs[name], baseline.get(name, 0), goals.get(name, "").strip()) for name in SHOWN if name in costs
    ]


def amount_text(quantity: str, amount: int) -> str:
    """Format an amount for people, memory in bytes."""
    return f"{short(amount)}B".replace(" B", " B") if quantity == "memory" else short(amount)


def _gauge(name: str, amount: int, baseline: int, goal: str) -> Gauge:
    problem, limit = "", 0
    if goal:
        try:
            limit = limits_of({name: parse_goal(goal)}, {name: baseline} if baseline else {}).by_quantity[name].high
        except (ArchbuilderError, PydanticCustomError, ValidationError, KeyError) as error:
            problem = error.message() if isinstance(error, PydanticCustomError) else str(error)
            if isinstance(error, KeyError):
                problem = "a share needs a valid network to compare with"
    whole = limit or baseline
    return Gauge(
        name,
        SHOWN[name],
        amount_text(name, amount),
        _change(baseline, amount),
        amount_text(name, limit) if limit else "",
        amount / whole if whole else 0.0,
        bool(limit) and amount > limit,
        problem,
    )


def _change(baseline: int, amount: int) -> str:
    if baseline == amount:
        return "unchanged"
    return relative(baseline, amount) if baseline else ""
