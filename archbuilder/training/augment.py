"""Random augmentation of images, on the training device."""

import torch
from torch import Tensor

from archbuilder.recipe import TrainSettings
from archbuilder.training.distributed import Shard


def flip_and_shift(images: Tensor, settings: TrainSettings, shard: Shard) -> Tensor:
    """Flip and shift each image at random, by the settings `flip` and `crop`.

    A shift of up to `crop` pixels in each direction is what padding by `crop` and cropping to the size does. Padding
    is by reflection, without repeating the edge.

    Args:
        images: N x C x H x W, of any type.
        settings: The settings; without `flip` and `crop` the images are returned unchanged.
        shard: The part of the batch that the images are; random numbers are drawn for the whole batch.
    """
    if not settings.flip and not settings.crop:
        return images
    height, width = images.shape[2:]
    down, right = (_random_integers(-settings.crop, settings.crop, shard, images) for _ in range(2))
    rows = _reflected(down[:, None] + torch.arange(height, device=images.device), height)  # N x H
    columns = _reflected(right[:, None] + torch.arange(width, device=images.device), width)  # N x W
    if settings.flip:
        mirrored = _random_integers(0, 1, shard, images).bool()
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    which = torch.arange(len(images), device=images.device)[:, None, None]
    picked = images.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]]  # N x H x W x C
    return picked.permute(0, 3, 1, 2)


def cut_out(images: Tensor, settings: TrainSettings, shard: Shard) -> Tensor:
    """Set a random square of every image to 0, in place, by the setting `cutout`; it may lie partly outside.

    Improved Regularization of Convolutional Neural Networks with Cutout (DeVries and Taylor 2017).

    Args:
        images: N x C x H x W, normalized, so that 0 is the mean of the training images.
        settings: `cutout`, the side of the square in pixels; 0 for none.
        shard: The part of the batch that the images are; random numbers are drawn for the whole batch.
    """
    if not settings.cutout:
        return images
    inside = []
    for size in images.shape[2:]:
        first = _random_integers(0, size - 1, shard, images) - settings.cutout // 2
        place = torch.arange(size, device=images.device)
        inside.append((place >= first[:, None]) & (place < first[:, None] + settings.cutout))  # N x size
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]  # N x 1 x H x W
    return images.masked_fill_(square, 0.0)


def _random_integers(low: int, high: int, shard: Shard, images: Tensor) -> Tensor:
    """Draw an integer from `low` to `high` for each image."""
    drawn = torch.randint(low, high + 1, (shard.images,))  # on the CPU, so that every device draws the same
    return drawn[shard.start : shard.start + len(images)].to(images.device, non_blocking=True)


def _reflected(places: Tensor, size: int) -> Tensor:
    """Reflect positions outside 0 to size - 1 into that range."""
    if size == 1:
        return torch.zeros_like(places)
    period = 2 * (size - 1)
    return (size - 1) - ((size - 1) - places.remainder(period)).abs()
