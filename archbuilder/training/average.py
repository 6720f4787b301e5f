"""An exponential moving average of the weights: what is measured in their place."""

from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

_Tensors: TypeAlias = list[Tensor] | tuple[Tensor, ...]


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Make a copy of a network that follows it: `update_parameters` after every step.

    Averaged are weights and the running statistics of norms. The decay is smaller in the first steps, `(1 + t) / (10 +
    t)` after t of them and 0 in the first, so that the average forgets how the network began (TensorFlow's
    `ExponentialMovingAverage` has this formula).

    Args:
        network: What is followed.
        decay: From 0 to 1; the average is over about 1 / (1 - decay) steps.
    """

    @torch.no_grad()
    def follow(averages: _Tensors, values: _Tensors, _: Tensor | int) -> None:
        steps = int(average.n_averaged)  # on the CPU; the one that is passed may be on a GPU, which would have to wait
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, values, 1 - min(decay, (1 + steps) / (10 + steps)))
        else:  # how many batches a norm has seen
            torch._foreach_copy_(averages, values)

    average = AveragedModel(network, multi_avg_fn=follow, use_buffers=True)
    return average
