"""The exponential moving average of weights."""

from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

_Tensors: TypeAlias = list[Tensor] | tuple[Tensor, ...]


def make_average(network: nn.Module, decay: float) -> AveragedModel:
    """Return a copy of a network for the average of its weights; call `update_parameters` after every step.

    Averaged are weights and the running statistics of norms. The decay is smaller in the first steps, `(1 + t) / (10 +
    t)` after t of them and 0 in the first, so that the initial weights have little effect (TensorFlow's
    `ExponentialMovingAverage` has this formula).

    Args:
        network: The network to average.
        decay: From 0 to 1; the average is over about 1 / (1 - decay) steps.
    """

    @torch.no_grad()
    def update(averages: _Tensors, values: _Tensors, _: Tensor | int) -> None:
        steps = int(average.n_averaged)  # on the CPU; the argument may be on a GPU, and reading it would wait
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, values, 1 - min(decay, (1 + steps) / (10 + steps)))
        else:  # how many batches a norm has seen
            torch._foreach_copy_(averages, values)

    average = AveragedModel(network, multi_avg_fn=update, use_buffers=True)
    return average
