"""Costs of a network beside those of another one, and the limits that a person wrote."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from archbuilder.budgets.amounts import Share, parse_goal
from archbuilder.budgets.budget import limits_of
from archbuilder.errors import ArchbuilderError
from archbuilder.numbers import relative, short

SHOWN = {"macs": "MACs", "parameters": "Parameters", "activations": "Activations", "memory": "Memory"}
"""The quantities that are shown, with their labels."""
_FORMS = "expected 60%, 300k, 1.5M or 2G"


@dataclass(frozen=True)
class Goal:
    """A limit as a person wrote it.

    Attributes:
        text: What was written: `60%`, `1.5M`; empty for none.
        whole: What a share is of: the cost of the saved version when the limit was written, which stays when that
            version or the comparison changes; 0 if it is not known.
    """

    text: str = ""
    whole: int = 0


@dataclass(frozen=True)
class Gauge:
    """One quantity.

    Attributes:
        quantity: Its name.
        label: Its label.
        amount: The cost, for people.
        change: How far it is from the cost of the network that it is compared with: `-12.5 %`; `unchanged`; empty if
            that is not known.
        limit: The limit, for people, a share with what it is of: `812 k (60% of 1.35 M)`; empty without one.
        share: The cost as a share of the limit; 0 without one.
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
        """What is to be said of the limit."""
        return self.problem or (f"{'over' if self.is_over else 'within'} {self.limit}" if self.limit else "")


def gauges(costs: Mapping[str, int], others: Mapping[str, int], goals: Mapping[str, Goal]) -> list[Gauge]:
    """Return a gauge for each quantity that is known.

    Args:
        costs: The costs of the network.
        others: Those of the network that it is compared with; empty if that is not valid.
        goals: Limits by quantity.
    """
    return [_gauge(name, costs[name], others.get(name, 0), goals.get(name, Goal())) for name in SHOWN if name in costs]


def amount_text(quantity: str, amount: int) -> str:
    """Format a cost for people, memory in bytes."""
    return f"{short(amount)}B".replace(" B", " B") if quantity == "memory" else short(amount)


def _gauge(name: str, amount: int, other: int, goal: Goal) -> Gauge:
    limit, written, problem = _limit(name, goal)
    return Gauge(
        name,
        SHOWN[name],
        amount_text(name, amount),
        "unchanged" if other == amount else relative(other, amount),
        written,
        amount / limit if limit else 0.0,
        bool(limit) and amount > limit,
        problem,
    )


def _limit(name: str, goal: Goal) -> tuple[int, str, str]:
    """Return a limit, how it is shown, and what is wrong with it; 0 and nothing if there is none."""
    if not (text := goal.text.strip()):
        return 0, "", ""
    try:
        parsed = parse_goal(text)
        limit = limits_of({name: parsed}, {name: goal.whole} if goal.whole else {}).by_quantity[name].high
    except PydanticCustomError as error:
        said, _, near = error.message().partition(";")
        return 0, "", f"{_FORMS}{near and f';{near}'}" if "%" not in said + near else error.message()
    except KeyError:
        return 0, "", "a share needs a saved version that is valid; write a number such as 1.5M"
    except (ArchbuilderError, ValidationError) as error:
        return 0, "", str(error)
    of = f" ({text} of {amount_text(name, goal.whole)})" if isinstance(parsed.amount, Share) else ""
    return limit, f"{amount_text(name, limit)}{of}", ""
