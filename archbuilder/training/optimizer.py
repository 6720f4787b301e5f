"""Optimizers and their parameter groups."""

from collections.abc import Collection, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from archbuilder.modules.calls import resolve
from archbuilder.recipe import TrainSettings
from archbuilder.training.schedule import RATE_SCALE


def make_optimizer(
    network: nn.Module,
    settings: TrainSettings,
    *,
    fused: bool = True,
    pretrained: Collection[str] = (),
    others: Sequence[nn.Parameter] = (),
) -> Optimizer:
    """Return the optimizer of a network's parameters.

    Decoupled Weight Decay Regularization (Loshchilov and Hutter 2017) for AdamW; On the importance of initialization
    and momentum in deep learning (Sutskever et al. 2013) for Nesterov's.

    Args:
        network: The network.
        settings: The optimizer, its momentum and its weight decay; the learning rate is set step by step.
        fused: Whether a step is one kernel, which takes a third of the time on small networks. Must be false if steps
            may be skipped, as with scaled gradients: SGD's momentum would start as uninitialized memory.
        pretrained: The names of the parameters that get `backbone_lr`, if that is set.
        others: Parameters that are trained with the network's.
    """
    if settings.backbone_lr is None:
        groups = decay_groups(list(network.parameters()), settings.decay)
    else:
        named = list(network.named_parameters())
        new = [parameter for name, parameter in named if name not in pretrained]
        backbone = decay_groups([p for name, p in named if name in pretrained], settings.decay)
        scale = settings.backbone_lr / settings.peak_rate
        groups = decay_groups(new, settings.decay) + [{**group, RATE_SCALE: scale} for group in backbone]
    groups += decay_groups(others, settings.decay) if others else []
    facts = settings.optimizer.facts
    momentum = {"momentum": settings.momentum, "nesterov": settings.momentum > 0} if facts.has_momentum else {}
    made: Optimizer = resolve(facts.target)(groups, lr=settings.peak_rate, fused=fused, **momentum)
    return made


def decay_groups(parameters: Sequence[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Return groups of parameters for torch's optimizers: with weight decay and without.

    Biases and the parameters of norms, which are the one-dimensional ones, do not decay.
    """
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
