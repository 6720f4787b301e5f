"""The costs that a budget can bound: integers for one image in evaluation, without heads."""

from collections.abc import Callable
from dataclasses import dataclass

from archbuilder.plan.plan import Plan


@dataclass(frozen=True)
class Quantity:
    """A cost that every network has, exactly.

    To add one, add a row to `QUANTITIES`, or register it before studies are used: budgets, schemas, prices of many
    candidates and screens follow.

    Attributes:
        name: Its key under `budget:`.
        unit: What an amount of it is called.
        description: What the key means.
        count: Counts it. The plan's shapes may be symbols: sums, products, quotients and comparisons of them are fine.
    """

    name: str
    unit: str
    description: str
    count: Callable[[Plan], int]


QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity(
            "macs",
            "MACs",
            "The most MACs of one image in evaluation, such as 1.5M, or 60% of the baseline's.",
            lambda plan: plan.macs,
        ),
        Quantity(
            "parameters",
            "parameters",
            "The most trainable parameters without heads, such as 60k.",
            lambda plan: plan.parameters,
        ),
        Quantity(
            "activations",
            "activations",
            "The most activations (outputs of convolutions and linear layers) of one image, such as 200k.",
            lambda plan: plan.activations,
        ),
    )
}
"""Every quantity by its name in a study."""
