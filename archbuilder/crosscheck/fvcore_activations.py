"""Count the output values of convolutions and linear layers of a built module with fvcore."""

from dataclasses import dataclass

from torch import nn

from archbuilder.crosscheck.evaluating import leaf_names
from archbuilder.crosscheck.fvcore_count import fvcore_analysis


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
    """Trace a module with fvcore on one image of zeros, in evaluation mode; the module's mode is restored."""
    with fvcore_analysis("ActivationCountAnalysis", network, input_shape) as analysis:
        counts = analysis.by_module()
        unsupported = dict(analysis.unsupported_ops())
    by_module = {name: int(counts[name]) for name in leaf_names(network) if counts.get(name)}
    return FvcoreActivations(int(counts[""]), by_module, unsupported)
