"""What a candidate costs, and what it may cost: known before a weight is made."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from math import ceil
from operator import and_
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from archbuilder.budgets.amounts import (
    Goal,
    Share,
    amount_schema,
    goal_schema,
    parse_goal,
    parse_within,
    within_schema,
)
from archbuilder.costs.quantities import QUANTITIES, Quantity
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan

Cost = Mapping[str, int]
"""Amounts by quantity: of every polynomial quantity, and of those that a budget bounds."""


def cost_of(plan: Plan, bounded: Container[str] = ()) -> dict[str, int]:
    """Compute the cost of a plan: quantities that are not polynomial only if they are bounded, as they take longer."""
    counted = {name: quantity for name, quantity in QUANTITIES.items() if quantity.count is not None}
    return {name: found.of(plan) for name, found in counted.items() if found.is_polynomial or name in bounded}


def amounts_text(amounts: Cost) -> str:
    """Write amounts in full with their units: `1,500,000 MACs and 60,000 parameters`."""
    return " and ".join(f"{amount:,} {QUANTITIES[name].noun}" for name, amount in amounts.items())


@dataclass(frozen=True)
class Limit:
    """The most that a quantity may be, and the least: 0 unless a target is set."""

    high: int
    low: int = 0


@dataclass(frozen=True)
class Limits:
    """Hard limits by quantity: no candidate outside any of them is ever trained.

    Costs are integers by quantity, or arrays of them; a limit of a quantity that a cost lacks is ignored.
    """

    by_quantity: Mapping[str, Limit]

    @property
    def counted(self) -> "Limits":
        """Those that need no measurement."""
        return Limits({name: limit for name, limit in self.by_quantity.items() if QUANTITIES[name].count is not None})

    def with_macs(self, macs: Limit) -> "Limits":
        """Return those that need no measurement, and one more on MACs."""
        counted = self.counted.by_quantity
        own = counted.get("macs", macs)
        return Limits({**counted, "macs": Limit(min(macs.high, own.high), max(macs.low, own.low))})

    def below(self, cost: Mapping[str, Any]) -> Any:
        """Return whether a cost exceeds no limit."""
        return reduce(and_, (amount <= limit.high for limit, amount in self._known(cost)), True)

    def allows(self, cost: Mapping[str, Any]) -> Any:
        """Return whether a cost is within every limit; one that equals a limit is."""
        return reduce(and_, (amount >= limit.low for limit, amount in self._known(cost)), self.below(cost))

    def excess(self, cost: Cost) -> float:
        """Return how far a cost is above its limits, as a share of the one it exceeds most; at most 0 within all."""
        return max((amount / limit.high - 1 for limit, amount in self._known(cost)), default=0)

    def lack(self, cost: Cost) -> float:
        """Return how far a cost is below its targets, as a share of the one it misses most, or at most 0."""
        return max((1 - amount / limit.low for limit, amount in self._known(cost) if limit.low), default=0)

    def _known(self, cost: Mapping[str, Any]) -> Iterator[tuple[Limit, Any]]:
        return ((limit, cost[name]) for name, limit in self.by_quantity.items() if name in cost)

    def described(self) -> dict[str, int | list[int]]:
        """Return the limits as plain data: the most, or the least and the most."""
        return {name: [limit.low, limit.high] if limit.low else limit.high for name, limit in self.by_quantity.items()}

    def text(self) -> str:
        """Format the limits: `1,500,000 MACs`, `990 to 1,000 parameters`."""
        lows = {name: f"{limit.low:,} to " if limit.low else "" for name, limit in self.by_quantity.items()}
        return " and ".join(lows[name] + amounts_text({name: limit.high}) for name, limit in self.by_quantity.items())

    def of(self, cost: Cost) -> dict[str, int]:
        """Return the amounts of the limited quantities."""
        return {name: cost[name] for name in self.by_quantity if name in cost}


def limits_of(goals: Mapping[str, Goal], baseline: Cost) -> Limits:
    """Return goals as limits, shares as counts; a share of a quantity that the baseline's cost lacks is left out.

    Raises:
        ArchbuilderError: A share comes to less than 1.
    """
    limits = {}
    for name, goal in goals.items():
        if isinstance(goal.amount, Share) and name not in baseline:
            continue
        high = goal.amount.of(baseline[name]) if isinstance(goal.amount, Share) else goal.amount
        if high < 1:
            raise ArchbuilderError(f"{goal.amount} of {amounts_text({name: baseline[name]})} is less than 1")
        limits[name] = Limit(high, 0 if goal.within is None else ceil(high * (100 - goal.within.percent) / 100))
    return Limits(limits)


@dataclass(frozen=True)
class Budget:
    """One of a study's budgets: its name in a ladder, such as `25%` (else empty), and what its candidates may cost."""

    name: str
    limits: Limits


def _goal_of(quantity: Quantity) -> Any:
    """Return the type of a key of `budget:`."""
    read = BeforeValidator(lambda value: None if value is None else parse_goal(value, is_time=quantity.is_time))
    return Annotated[Goal | None, read, WithJsonSchema(goal_schema(is_time=quantity.is_time))]


class Bounds(BaseModel):
    """What candidates may cost. A share is one of the baseline's; a target is reached, not only kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    __annotations__ = {name: _goal_of(quantity) for name, quantity in QUANTITIES.items()}
    locals().update({name: Field(None, description=quantity.text) for name, quantity in QUANTITIES.items()})

    @model_validator(mode="before")
    @classmethod
    def _no_flops(cls, values: Any) -> Any:
        if not isinstance(values, dict | cls):
            raise PydanticCustomError("budget", "expected a mapping such as {macs: 60%} or {macs: 1.5M}")
        if isinstance(values, dict) and "flops" in values:
            raise PydanticCustomError("flops", "expected macs in place of flops: one MAC is two FLOPs")
        return values

    @property
    def goals(self) -> dict[str, Goal]:
        """The goals that are set, by quantity."""
        return {name: goal for name in QUANTITIES if (goal := getattr(self, name)) is not None}


@dataclass(frozen=True)
class Ladder:
    """Several budgets of one quantity, as they are written; every candidate is projected onto the goal of its own."""

    quantity: str
    goals: tuple[Goal, ...]

    def budgets(self, others: Mapping[str, Goal], baseline: Cost) -> tuple[Budget, ...]:
        """Return the budgets, each within the other goals of the study too, the least first; raise as `limits_of`."""
        found = [Budget(str(goal.amount), limits_of({**others, self.quantity: goal}, baseline)) for goal in self.goals]
        return tuple(sorted(found, key=lambda budget: budget.limits.by_quantity[self.quantity].high))

    def __str__(self) -> str:
        return f"{self.quantity} {', '.join(map(str, self.goals))}"


def parse_ladder(value: Any) -> Ladder:
    """Read a list of budgets on MACs, or a mapping of one quantity to its list and `within`; raise as `parse_goal`."""
    expected = "expected budgets such as [25%, 50%, 75%, 100%], or of another quantity as {parameters: [25%, 50%]}"
    if isinstance(value, list | tuple):
        value = {"macs": value}
    if not isinstance(value, Mapping):
        raise PydanticCustomError("budgets", expected)
    named = [key for key in value if key != "within"]
    counted = [name for name, quantity in QUANTITIES.items() if quantity.count is not None]
    if len(named) != 1 or named[0] not in counted or not isinstance(value[named[0]], list | tuple):
        raise PydanticCustomError("budgets", f"{expected}; quantities are {', '.join(counted)}")
    within = parse_within(value.get("within"), "2%")
    amounts = [parse_goal(item, is_time=QUANTITIES[named[0]].is_time).amount for item in value[named[0]]]
    if len(amounts) < 2 or len({str(amount) for amount in amounts}) < len(amounts):
        raise PydanticCustomError("budgets", "expected at least two different budgets")
    return Ladder(named[0], tuple(Goal(amount, within) for amount in amounts))


def ladder_schema() -> dict[str, Any]:
    """Return the JSON Schema of `budgets`."""
    counted = {name: quantity for name, quantity in QUANTITIES.items() if quantity.count is not None}
    lists = {
        name: {
            "type": "array",
            "minItems": 2,
            "uniqueItems": True,
            "items": amount_schema(is_time=quantity.is_time),
            "description": f"The budgets on {quantity.noun}.",
        }
        for name, quantity in counted.items()
    }
    named = {
        "type": "object",
        "properties": lists | {"within": within_schema("2%")},
        "additionalProperties": False,
        "anyOf": [{"required": [name]} for name in counted],
    }
    return {"anyOf": [lists["macs"], named, {"type": "null"}]}
