import math
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from archbuilder.recipe import OptimiserName, Schedule, TrainSettings


def make_optimiser(network: nn.Module, settings: TrainSettings) -> Optimizer:
    """Make the optimiser of a network's parameters.

    Decoupled Weight Decay Regularization (Loshchilov and Hutter 2017) for AdamW; On the importance of initialization
    and momentum in deep learning (Sutskever et al. 2013) for Nesterov's. Fused optimisers take a third of the time of
    plain ones on small networks.
    """
    groups = decay_groups(network, settings.decay)
    if settings.optimiser is OptimiserName.ADAMW:
        return AdamW(groups, lr=settings.peak_rate, fused=True)
    nesterov = settings.momentum > 0
    return SGD(groups, lr=settings.peak_rate, momentum=settings.momentum, nesterov=nesterov, fused=True)


def make_schedule(optimiser: Optimizer, settings: TrainSettings, *, steps: int) -> LRScheduler:
    """Make what sets the learning rate before each step.

    `one_cycle` raises it to the peak and lowers it to almost nothing, both along a cosine, and moves AdamW's momentum
    the other way (Super-Convergence, Smith and Topin 2017; its other numbers are torch's). `cosine` raises it in a line
    and lowers it along a cosine to nothing (SGDR, Loshchilov and Hutter 2016, without restarts). `constant` only raises
    it.

    Args:
        optimiser: Its rate is set.
        settings: The schedule, its peak, and the share of steps in which the rate rises.
        steps: How many steps the whole training takes.
    """
    if settings.schedule is Schedule.ONE_CYCLE:
        rise = settings.rise
        if math.isclose(rise * steps, 1):  # torch would divide by the zero steps between the first and the peak
            rise = (1 + 1e-6) / steps
        return OneCycleLR(
            optimiser,
            max_lr=settings.peak_rate,
            total_steps=steps,
            pct_start=rise,
            cycle_momentum=settings.optimiser is OptimiserName.ADAMW,  # whoever sets SGD's momentum means it
        )
    rising = round(settings.rise * steps)
    falls = settings.schedule is Schedule.COSINE

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising))) / 2 if falls else 1.0

    return LambdaLR(optimiser, factor)


def decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Part the parameters into those that decay and those that do not, as torch's optimisers take groups.

    Biases and the parameters of norms shift and scale whole channels; pulling them to zero does not simplify the
    network, it only weakens the channel. They are exactly the parameters of one dimension.
    """
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
