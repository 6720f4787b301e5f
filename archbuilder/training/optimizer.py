"""Who takes the steps, and which parameters decay."""

from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from archbuilder.recipe import OptimizerName, TrainSettings


def make_optimizer(network: nn.Module, settings: TrainSettings, *, fused: bool = True) -> Optimizer:
    """Make the optimizer of a network's parameters.

    Decoupled Weight Decay Regularization (Loshchilov and Hutter 2017) for AdamW; On the importance of initialization
    and momentum in deep learning (Sutskever et al. 2013) for Nesterov's.

    Args:
        network: Its parameters are optimized.
        settings: The optimizer, its momentum and its weight decay; the learning rate is set step by step.
        fused: Whether a step is one kernel, which takes a third of the time on small networks. Not where steps may be
            skipped, as with scaled gradients: SGD's momentum would begin as memory that nobody has written.
    """
    groups = decay_groups(network, settings.decay)
    if settings.optimizer is OptimizerName.ADAMW:
        return AdamW(groups, lr=settings.peak_rate, fused=fused)
    nesterov = settings.momentum > 0
    return SGD(groups, lr=settings.peak_rate, momentum=settings.momentum, nesterov=nesterov, fused=fused)


def decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Part the parameters into those that decay and those that do not, as torch's optimizers take groups.

    Biases and the parameters of norms shift and scale whole channels; pulling them to zero does not simplify the
    network, it only weakens the channel. They are exactly the parameters of one dimension.
    """
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
