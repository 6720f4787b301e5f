"""Schedules of the learning rate, and of momentum in one cycle."""

import math

from torch.optim import Optimizer

from archbuilder.recipe import Schedule, TrainSettings

RATE_SCALE = "rate_scale"
"""The key of a group of parameters whose learning rate is the training's times this."""

_DIVISOR, _FINAL_DIVISOR = 25, 25e4  # of the peak, for one cycle's first and last rate, as in torch
_BETAS = 0.95, 0.85  # the first beta of AdamW at the ends and at the peak of one cycle, as in torch


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Return the learning rate of a step.

    `one_cycle` raises it to the peak and lowers it to almost nothing, both along a cosine (Super-Convergence, Smith and
    Topin 2017, in torch's `OneCycleLR` form). `cosine` raises it in a line and lowers it along a cosine to nothing
    (SGDR, Loshchilov and Hutter 2016, without restarts). `constant` only raises it.

    Args:
        step: From 0 to `steps` - 1.
        steps: The number of steps of the training.
        settings: The schedule, its peak, and the share of the steps in which the rate rises.
    """
    peak, share = settings.peak_rate, settings.warmup_share
    if settings.schedule is Schedule.ONE_CYCLE:
        divisor = _DIVISOR if step <= _peak_step(steps, share) else _FINAL_DIVISOR
        return _cosine(peak / divisor, peak, _relative_height(step, steps, share))
    rise = round(share * steps)
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak if settings.schedule is Schedule.CONSTANT else _cosine(0, peak, 1 - (step - rise) / (steps - rise))


def set_rates(optimizer: Optimizer, step: int, steps: int, settings: TrainSettings) -> None:
    """Set the learning rate of a step, times the scale of each group, and in one cycle the first beta, if there is one.

    A momentum stays as set.
    """
    rate = learning_rate(step, steps, settings)
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(RATE_SCALE, 1)
        if settings.schedule is Schedule.ONE_CYCLE and settings.optimizer.facts.has_betas:
            beta = _cosine(*_BETAS, _relative_height(step, steps, settings.warmup_share))
            group["betas"] = (beta, group["betas"][1])


def _peak_step(steps: int, share: float) -> float:
    """Return the step of the peak of one cycle, which may be a fraction."""
    return max(0.0, share * steps - 1)


def _relative_height(step: int, steps: int, share: float) -> float:
    """Return the relative height of one cycle at a step, from 0 at its ends to 1 at its peak."""
    peak_step = _peak_step(steps, share)
    if step <= peak_step:
        return step / peak_step if peak_step else 1.0
    return 1 - (step - peak_step) / (steps - 1 - peak_step)


def _cosine(low: float, high: float, share: float) -> float:
    """Interpolate from `low` at 0 to `high` at 1 along half a cosine."""
    return high + (low - high) / 2 * (1 + math.cos(math.pi * share))
