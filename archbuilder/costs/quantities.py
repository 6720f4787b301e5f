"""The costs that a budget can bound: integers for one image in evaluation, without auxiliary heads."""

from collections.abc import Callable
from dataclasses import dataclass

from archbuilder.plan.plan import Plan, PlannedOp
from archbuilder.plan.symbolic import presence
from archbuilder.plan.symbols import Number


@dataclass(frozen=True)
class Quantity:
    """A cost that is computed exactly for every network.

    To add one, add a row to `QUANTITIES`, or call `archbuilder.register` before studies are used: the keys of budgets,
    the schema of studies, the costs of many candidates and reports then include it.

    Attributes:
        name: Its key under `budget:`.
        unit: The unit shown after an amount, such as `MACs`.
        description: What the key means.
        count: Computes the cost of a plan. Widths may be symbols there: use `+`, `*` and `//` on shapes, parameters and
            MACs. Operations of a branch that a width of 0 removes are still in such a plan, with 0 channels: to
            count operations, sum `exists(op)`. Each comparison reduces how many candidates are priced together.
    """

    name: str
    unit: str
    description: str
    count: Callable[[Plan], int]


def exists(op: PlannedOp) -> Number:
    """Return 1 for an op of a network, and 0 for one of a branch that a width of 0 removes; a symbol for symbols."""
    return presence(op.output_shape[0]) or 0


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
