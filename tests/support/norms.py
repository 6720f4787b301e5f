"""Statistics of norms as of a trained network: no mean is 0, no variance is 1."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def shake_norms(network: nn.Module, seed: int = 0) -> None:
    """Give the batch norms and channel factors of a network values that are far from where they start."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(generator=generator)
                module.running_var.uniform_(0.3, 3, generator=generator)
                for weights in (module.weight, module.bias):
                    if weights is not None:
                        weights.uniform_(-0.5, 1.5, generator=generator)
        for parameter in network.parameters():
            if parameter.ndim == 3:  # a factor for each channel of a map
                parameter.uniform_(0.5, 1.5, generator=generator)


def relative_difference(mine: torch.Tensor, theirs: torch.Tensor) -> float:
    """Return the largest difference, relative to the largest value of the second."""
    mine, theirs = mine.detach().double(), theirs.detach().double()
    return float((mine - theirs).abs().max()) / max(float(theirs.abs().max()), 1e-30)
