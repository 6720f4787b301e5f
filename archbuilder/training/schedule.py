"""The learning rate and the momentum of each step, as functions of how far a training has come."""

import math

from torch.optim import Optimizer

from archbuilder.recipe import OptimizerName, Schedule, TrainSettings

_FIRST, _LAST = 25, 25e4  # by how much one cycle's first and last rates are below its peak, as torch has them
_BETAS = 0.95, 0.85  # the first of AdamW's betas, at the ends of one cycle and at its peak, as torch has them


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Return the learning rate of a step.

    `one_cycle` raises it to the peak and lowers it to almost nothing, both along a cosine (Super-Convergence, Smith and
    Topin 2017, in torch's `OneCycleLR` form). `cosine` raises it in a line and lowers it along a cosine to nothing
    (SGDR, Loshchilov and Hutter 2016, without restarts). `constant` only raises it.

    Args:
        step: From 0 to `steps` - 1.
        steps: How many steps the whole training takes.
        settings: The schedule, its peak, and the share of the steps in which the rate rises.
    """
    peak, share = settings.peak_rate, settings.warmup_share
    if settings.schedule is Schedule.ONE_CYCLE:
        end = _FIRST if step <= _summit(steps, share) else _LAST
        return _cosine(peak / end, peak, _height(step, steps, share))
    rise = round(share * steps)
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak if settings.schedule is Schedule.CONSTANT else _cosine(0, peak, 1 - (step - rise) / (steps - rise))


def set_rates(optimizer: Optimizer, step: int, steps: int, settings: TrainSettings) -> None:
    """Set what an optimizer takes a step with: its rate and, in one cycle, AdamW's momentum, which goes the other way.

    SGD keeps the momentum that was set: whoever sets it means it.
    """
    rate = learning_rate(step, steps, settings)
    for group in optimizer.param_groups:
        group["lr"] = rate
        if settings.schedule is Schedule.ONE_CYCLE and settings.optimizer is OptimizerName.ADAMW:
            beta = _cosine(*_BETAS, _height(step, steps, settings.warmup_share))
            group["betas"] = (beta, group["betas"][1])


def _summit(steps: int, share: float) -> float:
    """Say at which step one cycle is at its peak; it may lie between two."""
    return max(0.0, share * steps - 1)


def _height(step: int, steps: int, share: float) -> float:
    """Say how far up one cycle is, from 0 at its ends to 1 at its peak."""
    summit = _summit(steps, share)
    if step <= summit:
        return step / summit if summit else 1.0
    return 1 - (step - summit) / (steps - 1 - summit)


def _cosine(low: float, high: float, share: float) -> float:
    """Go from `low` at 0 to `high` at 1 along half a cosine."""
    return high + (low - high) / 2 * (1 + math.cos(math.pi * share))
