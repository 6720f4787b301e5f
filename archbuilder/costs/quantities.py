"""What is counted of a network, and may be bounded: whole numbers, of one image, in evaluation, without heads."""

from collections.abc import Callable, Mapping

from archbuilder.plan.plan import Plan

QUANTITIES: Mapping[str, Callable[[Plan], int]] = {
    "macs": lambda plan: plan.macs,
    "parameters": lambda plan: plan.parameters,
    "activations": lambda plan: plan.activations,
}
"""Every quantity by its word in a study."""
