"""The values that convolutions and linear layers give, as fvcore counts them in a built module."""

from dataclasses import dataclass

import torch
from torch import nn

from archbuilder.crosscheck.fvcore_count import fvcore_quiet


@dataclass(frozen=True)
class FvcoreActivations:
    """fvcore's count of one image in evaluation.

    Attributes:
        total: All values.
        by_module: Values by the dotted name of the leaf module.
        unsupported: Operators that fvcore has no rule for, and how often they occur.
    """

    total: int
    by_module: dict[str, int]
    unsupported: dict[str, int]


def activations_with_fvcore(network: nn.Module, input_shape: tuple[int, ...]) -> FvcoreActivations:
    """Trace a module with fvcore on one image of zeros, in evaluation mode; the module's mode is left as it was."""
    training = network.training
    with fvcore_quiet():
        from fvcore.nn import ActivationCountAnalysis  # noqa: PLC0415 - importing it warns

        network.eval()
        try:
            analysis = ActivationCountAnalysis(network, torch.zeros(1, *input_shape))
            analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            counts = analysis.by_module()
            unsupported = dict(analysis.unsupported_ops())
        finally:
            network.train(training)
    leaves = [name for name, module in network.named_modules() if name and not any(module.children())]
    return FvcoreActivations(int(counts[""]), {n: int(counts[n]) for n in leaves if counts.get(n)}, unsupported)
