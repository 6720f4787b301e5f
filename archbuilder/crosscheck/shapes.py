"""The shapes that a built module really gives."""

from functools import partial

import torch
from torch import Tensor, nn

from archbuilder.crosscheck.evaluating import evaluating, images_for, leaf_modules
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan


def check_shapes(plan: Plan, network: nn.Module) -> tuple[int, ...]:
    """Run one image of zeros through a network in evaluation mode, and compare each operation's output with the plan.

    Returns:
        The shape of the output, with the batch: (1, classes), or (1, channels, height, width).

    Raises:
        ArchbuilderError: An operation gives another shape than is planned; with the first one that does.
    """
    planned = {op.name: op.output_shape for op in plan.ops if op.is_module}
    with evaluating(network), torch.inference_mode():
        hooks = [
            module.register_forward_hook(partial(_check, name, planned[name]))
            for name, module in leaf_modules(network)
            if name in planned
        ]
        try:
            output: Tensor = network(images_for(network, plan.input_shape))
        finally:
            for hook in hooks:
                hook.remove()
    _check("the network", plan.output_shape, network, (), output)
    return tuple(output.shape)


def _check(name: str, planned: tuple[int, ...], module: nn.Module, args: object, output: Tensor) -> None:
    """Check one output of a module; the arguments after the first two are those of a forward hook."""
    if tuple(output.shape) != (1, *planned):
        raise ArchbuilderError(
            f"the forward pass of {name} gave {tuple(output.shape)}, but the plan expects {(1, *planned)}"
        )
