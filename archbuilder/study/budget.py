"""What a candidate costs, and what it may cost: known before a weight is made."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from math import ceil
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from archbuilder.costs.memory import inference_memory
from archbuilder.costs.quantities import QUANTITIES
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan
from archbuilder.study.amounts import Goal, Share, parse_goal, parse_share

Cost = Mapping[str, int]
"""An exact count for every key of `QUANTITIES`; and `memory`, in bytes, and `latency`, in microseconds, if bounded."""

WORDS = {
    **{name: quantity.unit for name, quantity in QUANTITIES.items()},
    "memory": "bytes of memory",
    "latency": "µs of latency",
}
"""What can be bounded, and its word. Auxiliary heads are no part of it: they are gone after training."""


def cost_of(plan: Plan, quantities: Container[str] = ()) -> dict[str, int]:
    """Count every quantity of one image in evaluation: multiply-adds, trained numbers, activations.

    Args:
        plan: The network.
        quantities: What is bounded: memory takes longer, and is counted only if it is.
    """
    counts = {name: quantity.count(plan) for name, quantity in QUANTITIES.items()}
    return counts | ({"memory": memory_of(plan)} if "memory" in quantities else {})


def memory_of(plan: Plan) -> int:
    """Give the most bytes that are held while one image runs, the weights included, all in float32."""
    return inference_memory(plan).peak + 4 * plan.parameters


def amounts_text(amounts: Cost) -> str:
    """Write amounts in full with their words: `1,500,000 MACs and 60,000 parameters`."""
    return " and ".join(f"{amount:,} {WORDS[name]}" for name, amount in amounts.items())


@dataclass(frozen=True)
class Limit:
    """What a quantity may be.

    Attributes:
        high: The most.
        low: The least; 0 unless a target is set.
    """

    high: int
    low: int = 0


@dataclass(frozen=True)
class Limits:
    """Hard limits: no candidate outside any of them is ever trained.

    Attributes:
        by_quantity: The limits that are set, by keys of `WORDS`.
    """

    by_quantity: Mapping[str, Limit]

    @property
    def counted(self) -> "Limits":
        """Those that need no measurement."""
        return Limits({name: limit for name, limit in self.by_quantity.items() if name != "latency"})

    def allows(self, cost: Cost) -> bool:
        """Tell whether a cost is within every limit that it knows the quantity of; one that equals a limit is."""
        return all(limit.low <= cost[name] <= limit.high for name, limit in self.by_quantity.items() if name in cost)

    def excess(self, cost: Cost) -> float:
        """How far a cost is above its limits, as a share of the one it exceeds most; 0 or below within all of them."""
        return max((cost[name] / limit.high - 1 for name, limit in self.by_quantity.items() if name in cost), default=0)

    def lack(self, cost: Cost) -> float:
        """How far a cost is below its targets, as a share of the one it misses most; 0 or below if it reaches all."""
        targets = {name: limit.low for name, limit in self.by_quantity.items() if limit.low and name in cost}
        return max((1 - cost[name] / low for name, low in targets.items()), default=0)

    def described(self) -> dict[str, int | list[int]]:
        """Give the limits as plain data: the most, or the least and the most."""
        return {name: [limit.low, limit.high] if limit.low else limit.high for name, limit in self.by_quantity.items()}

    def text(self) -> str:
        """Say the limits: `at most 1,500,000 MACs`."""
        return " and ".join(
            f"{limit.low:,} to {limit.high:,} {WORDS[name]}" if limit.low else f"{limit.high:,} {WORDS[name]}"
            for name, limit in self.by_quantity.items()
        )

    def of(self, cost: Cost) -> dict[str, int]:
        """Give what a cost has of the limited quantities."""
        return {name: cost[name] for name in self.by_quantity if name in cost}


_Count = Annotated[Goal, BeforeValidator(parse_goal, json_schema_input_type=int | str | dict[str, str])]
_Duration = Annotated[
    Goal, BeforeValidator(partial(parse_goal, is_duration=True), json_schema_input_type=str | dict[str, str])
]


class Bounds(BaseModel):
    """What candidates may cost. A share is one of what the baseline has; a target is reached, not only kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    for _name, _quantity in QUANTITIES.items():  # a key for each
        __annotations__[_name] = _Count | None
        locals()[_name] = Field(None, description=_quantity.description)
    del _name, _quantity

    memory: _Count | None = Field(
        None, description="The most bytes held for one image in evaluation, weights included, in float32, such as 2M."
    )
    latency: _Duration | None = Field(
        None, description="The longest latency of a batch (one image unless latency: changes that), such as 3ms."
    )

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
        return {name: goal for name in WORDS if (goal := getattr(self, name)) is not None}

    def limits(self, baseline: Cost) -> Limits:
        """Give the limits as counts, now that it is known what shares are of.

        Args:
            baseline: What the spec as it is costs; what it has no count of is left out.

        Raises:
            ArchbuilderError: A share comes to less than 1.
        """
        return limits_of(self.goals, baseline)


def limits_of(goals: Mapping[str, Goal], baseline: Cost) -> Limits:
    """Give goals as limits; see `Bounds.limits`."""
    limits = {}
    for name, goal in goals.items():
        if isinstance(goal.amount, Share):
            if name not in baseline:
                continue
            high = goal.amount.of(baseline[name])
        else:
            high = goal.amount
        if high < 1:
            raise ArchbuilderError(f"{goal.amount} of {baseline[name]:,} {WORDS[name]} is less than 1")
        low = 0 if goal.within is None else ceil(high * (100 - goal.within.percent) / 100)
        limits[name] = Limit(high, low)
    return Limits(limits)


_EXPECTED = "expected budgets such as [25%, 50%, 75%, 100%], or of another quantity as {parameters: [25%, 50%]}"
_WITHIN = Share(Decimal(2))


@dataclass(frozen=True)
class Budget:
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

    def steps(self, others: Mapping[str, Goal], baseline: Cost) -> tuple[Budget, ...]:
        """Give the steps, each within the other goals of the study too, the least first.

        Raises:
            ArchbuilderError: A share comes to less than 1.
        """
        steps = [Budget(str(goal.amount), limits_of({**others, self.quantity: goal}, baseline)) for goal in self.goals]
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
