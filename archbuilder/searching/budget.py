"""What a candidate costs, and what it may cost: known from the plan, before a weight is made."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from archbuilder.costs.quantities import QUANTITIES
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan
from archbuilder.searching.amounts import Bound, Share

Cost = Mapping[str, int]
"""An exact count for every key of `QUANTITIES`."""

WORDS = {"macs": "MACs", "parameters": "parameters", "activations": "activations"}
"""What can be bounded, and its word. Auxiliary heads are no part of it: they are gone after training."""


def cost_of(plan: Plan) -> dict[str, int]:
    """Count every quantity of one image in evaluation: multiply-adds, trained numbers, activations."""
    return {name: count(plan) for name, count in QUANTITIES.items()}


def amounts_text(amounts: Cost) -> str:
    """Write amounts in full with their words: `1,500,000 MACs and 60,000 parameters`."""
    return " and ".join(f"{amount:,} {WORDS[name]}" for name, amount in amounts.items())


class Budget(BaseModel):
    """Hard bounds: no candidate above any of them is ever built. A share is one of what the baseline has."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    macs: Bound | None = Field(
        None, description="The most multiply-adds of one image in evaluation, such as 1.5M, or 60% of the baseline's."
    )
    parameters: Bound | None = Field(None, description="The most trained numbers, heads not counted, such as 60k.")
    activations: Bound | None = Field(
        None, description="The most values that convolutions and linear layers give for one image, such as 200k."
    )

    @model_validator(mode="before")
    @classmethod
    def _no_flops(cls, values: Any) -> Any:
        if isinstance(values, dict) and "flops" in values:
            raise PydanticCustomError("flops", "expected macs in place of flops: one MAC is two FLOPs")
        return values

    def resolved(self, baseline: Cost) -> "Budget":
        """Give the same bounds as counts, now that it is known what shares are of.

        Args:
            baseline: What the spec as it is costs.

        Raises:
            ArchbuilderError: A share comes to less than 1.
        """
        shares = {name: bound for name in QUANTITIES if isinstance(bound := getattr(self, name), Share)}
        counts = {name: share.of(baseline[name]) for name, share in shares.items()}
        for name, count in counts.items():
            if count < 1:
                raise ArchbuilderError(f"{shares[name]} of {baseline[name]:,} {WORDS[name]} is less than 1")
        return self.model_copy(update=counts)

    @property
    def limits(self) -> dict[str, int]:
        """The bounds that are set, by quantity; of a budget that is resolved."""
        limits = {name: limit for name in QUANTITIES if (limit := getattr(self, name)) is not None}
        assert all(isinstance(limit, int) for limit in limits.values())
        return limits

    def excess(self, cost: Cost) -> dict[str, float]:
        """How far a cost is above each bound, as a share of it: 0.1 is ten percent too much, below 0 is within."""
        return {name: cost[name] / limit - 1 for name, limit in self.limits.items()}

    def allows(self, cost: Cost) -> bool:
        """Tell whether a cost is within every bound. A cost that equals a bound is."""
        return all(cost[name] <= limit for name, limit in self.limits.items())
