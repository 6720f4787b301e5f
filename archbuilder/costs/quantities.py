"""The costs that a budget can bound: integers for one image in evaluation, without heads."""

from collections.abc import Callable, Mapping

from archbuilder.plan.plan import Plan

QUANTITIES: Mapping[str, Callable[[Plan], int]] = {
    "macs": lambda plan: plan.macs,
    "parameters": lambda plan: plan.parameters,
    "activations": lambda plan: plan.activations,
}
"""Every quantity by its name in a study."""
