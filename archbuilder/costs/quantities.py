"""The quantities that a budget can bound: costs of one network in evaluation, without auxiliary heads."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from archbuilder.costs.memory import inference_memory
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan, PlannedOp
from archbuilder.plan.symbolic import presence
from archbuilder.plan.symbols import Number


@dataclass(frozen=True)
class Quantity:
    """A cost of a network that budgets can bound: for each network an integer.

    To add one, add a row to `QUANTITIES`, or call `archbuilder.register` before studies are used: the keys of budgets,
    their schema, `archbuilder space`, searches and reports then include it.

    Attributes:
        name: Its key under `budget:`.
        unit: The unit of an amount, such as `MACs` or `µJ`.
        description: What the key means; by default it is made of name and unit.
        count: Computes the cost of a plan; a fraction is rounded up. None if it is measured on a device, as latency is.
        is_polynomial: Whether `count` reads widths by `+`, `*` and `//` of shapes, parameters and MACs alone. Many
            candidates are then priced at once: `count` is given symbols in place of widths. Operations of a branch that
            a width of 0 removes are still in such a plan, with 0 channels: to count operations, sum `exists(op)`. Each
            comparison reduces how many candidates are priced together. Other quantities are computed network by
            network, and only if a budget bounds them.
        is_time: Whether it is a time in microseconds: amounts are written as `3ms`, and shown in milliseconds.
    """

    name: str
    unit: str
    description: str = ""
    count: Callable[[Plan], float] | None = None
    is_polynomial: bool = False
    is_time: bool = False

    @property
    def noun(self) -> str:
        """What follows an amount: `MACs`, `bytes of memory`."""
        return self.unit if self.unit.lower() == self.name else f"{self.unit} of {self.name}"

    @property
    def text(self) -> str:
        """What the key means."""
        return self.description or f"The most {self.noun}, such as 60% of the baseline's."

    def of(self, plan: Plan) -> int:
        """Compute the cost of a plan.

        Raises:
            ArchbuilderError: `count` raises an exception, or returns no number of at least 0.
        """
        assert self.count is not None
        try:
            found = self.count(plan)
            amount = ceil(found)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise ArchbuilderError(f"the quantity {self.name!r} of {plan.name} cannot be computed: {what}") from error
        if amount < 0:
            raise ArchbuilderError(f"the quantity {self.name!r} of {plan.name} is {found}, expected at least 0")
        return amount


def exists(op: PlannedOp) -> Number:
    """Return 1 for an op of a network, and 0 for one of a branch that a width of 0 removes; a symbol for symbols."""
    return presence(op.output_shape[0]) or 0


def memory_of(plan: Plan) -> int:
    """Return the peak of bytes while one image runs in evaluation, weights included, in float32."""
    return inference_memory(plan).peak + 4 * plan.parameters


QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity(
            "macs",
            "MACs",
            "The most MACs of one image in evaluation, such as 1.5M, or 60% of the baseline's.",
            lambda plan: plan.macs,
            is_polynomial=True,
        ),
        Quantity(
            "parameters",
            "parameters",
            "The most trainable parameters without heads, such as 60k.",
            lambda plan: plan.parameters,
            is_polynomial=True,
        ),
        Quantity(
            "activations",
            "activations",
            "The most activations (outputs of convolutions and linear layers) of one image, such as 200k.",
            lambda plan: plan.activations,
            is_polynomial=True,
        ),
        Quantity(
            "memory",
            "bytes",
            "The most bytes held for one image in evaluation, weights included, in float32, such as 2M.",
            memory_of,
        ),
        Quantity(
            "latency",
            "µs",
            "The longest latency of a batch (one image unless latency: changes that), such as 3ms.",
            is_time=True,
        ),
    )
}
"""Every quantity by its name in a study."""
SHIPPED = frozenset(QUANTITIES)
"""Those of the package: with shipped blocks, they grow with every width."""


def polynomials() -> dict[str, Quantity]:
    """Return the quantities that many candidates are priced by at once."""
    return {name: quantity for name, quantity in QUANTITIES.items() if quantity.is_polynomial}
