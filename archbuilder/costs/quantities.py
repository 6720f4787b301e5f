"""What is counted of a network, and may be bounded: whole numbers, of one image, in evaluation, without heads."""

from collections.abc import Callable, Mapping
from math import prod

from archbuilder.plan.plan import Plan, PlannedOp
from archbuilder.primitives import Convolution, Linear


def activations(plan: Plan) -> int:
    """Count the values that convolutions and linear layers give for one image in evaluation.

    It tells how long a network runs better than its MACs do where memory is what is slow (Radosavovic et al., 2020,
    "Designing Network Design Spaces", arXiv:2003.13678). fvcore's `ActivationCountAnalysis` counts so.
    """
    return sum(map(activations_of, plan.ops))


def activations_of(op: PlannedOp) -> int:
    """Count the values of one op that are activations: all that it gives, or none."""
    return prod(op.output_shape) if isinstance(op.op, Convolution | Linear) else 0


QUANTITIES: Mapping[str, Callable[[Plan], int]] = {
    "macs": lambda plan: plan.macs,
    "parameters": lambda plan: plan.parameters,
    "activations": activations,
}
"""Every quantity by its word in a study."""
