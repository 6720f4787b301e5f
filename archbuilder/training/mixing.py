"""Mixup and CutMix: each image of a batch is mixed with the one before it."""

import math

import torch
from torch import Tensor
from torch.distributions import Beta

from archbuilder.recipe import TrainSettings


def is_mixing(settings: TrainSettings) -> bool:
    """Return whether images are mixed."""
    return bool(settings.mixup or settings.cutmix)


def mix(images: Tensor, partners: Tensor, settings: TrainSettings) -> tuple[Tensor, float]:
    """Mix images with partners, by mixup or CutMix, in a random share that is the same for the whole batch.

    mixup (Zhang et al. 2017) adds them weighted. CutMix (Yun et al. 2019) pastes a rectangle of the partner. With both
    settings each batch draws one of them, as in timm.

    Args:
        images: N x C x H x W, normalized.
        partners: The image to mix each with, of the same shape.
        settings: `mixup` and `cutmix`, the alphas of Beta(alpha, alpha); one at least is not 0.

    Returns:
        The mixed images, and the share that is left of `images`, from 0 to 1: the weight of their labels. That of the
        partners' labels is the rest.
    """
    cuts = bool(torch.rand(()) < 0.5) if settings.mixup and settings.cutmix else bool(settings.cutmix)
    alpha = settings.cutmix if cuts else settings.mixup
    share = float(Beta(alpha, alpha).sample())
    if cuts:
        return _cut_mixed(images, partners, share)
    return (images * share).add_(partners, alpha=1 - share), share


def _cut_mixed(images: Tensor, partners: Tensor, share: float) -> tuple[Tensor, float]:
    """Paste a rectangle; it may lie partly outside, so that the share is that of the pixels that are left."""
    height, width = images.shape[2:]
    row, column = int(torch.randint(height, ())), int(torch.randint(width, ()))  # of its center
    half = 0.5 * math.sqrt(1 - share)
    down, right = int(half * height), int(half * width)
    rows = slice(max(0, row - down), min(height, row + down))
    columns = slice(max(0, column - right), min(width, column + right))
    mixed = images.clone()
    mixed[:, :, rows, columns] = partners[:, :, rows, columns]
    return mixed, 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
