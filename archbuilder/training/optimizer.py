"""Optimizers and their parameter groups."""

from typing import Any

from torch import nn
from torch.optim import Optimizer

from archbuilder.modules.calls import resolve
from archbuilder.recipe import TrainSettings


def make_optimizer(network: nn.Module, settings: TrainSettings, *, fused: bool = True) -> Optimizer:
    """Return the optimizer of a network's parameters.

    Decoupled Weight Decay Regularization (Loshchilov and Hutter 2017) for AdamW; On the importance of initialization
    and momentum in deep learning (Sutskever et al. 2013) for Nesterov's.

    Args:
        network: The network.
        settings: The optimizer, its momentum and its weight decay; the learning rate is set step by step.
        fused: Whether a step is one kernel, which takes a third of the time on small networks. Must be false if steps
            may be skipped, as with scaled gradients: SGD's momentum would start as uninitialized memory.
    """
    groups = decay_groups(network, settings.decay)
    facts = settings.optimizer.facts
    momentum = {"momentum": settings.momentum, "nesterov": settings.momentum > 0} if facts.has_momentum else {}
    made: Optimizer = resolve(facts.target)(groups, lr=settings.peak_rate, fused=fused, **momentum)
    return made


def decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return parameter groups for torch's optimizers: with weight decay and without.

    Biases and the parameters of norms, which are the one-dimensional ones, do not decay.
    """
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
