"""Images changed at random, on the device they are trained on, before a network sees them."""

import torch
from torch import Tensor

from archbuilder.recipe import TrainSettings
from archbuilder.training.distributed import Shard


def shifted_and_flipped(images: Tensor, settings: TrainSettings, shard: Shard) -> Tensor:
    """Mirror and shift images, each by itself, as `flip` and `crop` say.

    A shift of up to `crop` pixels in each direction is what padding by so many and cutting the size out again does.
    What comes in from outside is the image mirrored at its edge; the row at the edge is not repeated.

    Args:
        images: N x C x H x W, of any type.
        settings: `flip` and `crop`; without them the images are given as they are.
        shard: Which part of the batch they are: numbers are drawn for all of it.
    """
    if not settings.flip and not settings.crop:
        return images
    height, width = images.shape[2:]
    down, right = (_draw(-settings.crop, settings.crop, shard, images) for _ in range(2))
    rows = _inside(down[:, None] + torch.arange(height, device=images.device), height)  # N x H
    columns = _inside(right[:, None] + torch.arange(width, device=images.device), width)  # N x W
    if settings.flip:
        mirrored = _draw(0, 1, shard, images).bool()
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    which = torch.arange(len(images), device=images.device)[:, None, None]
    picked = images.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]]  # N x H x W x C
    return picked.permute(0, 3, 1, 2)


def cut_out(images: Tensor, settings: TrainSettings, shard: Shard) -> Tensor:
    """Blank a square in every image, in place, as `cutout` says; at the edge a part of it lies outside.

    Improved Regularization of Convolutional Neural Networks with Cutout (DeVries and Taylor 2017).

    Args:
        images: N x C x H x W, normalized, so that 0 is the mean of the training images.
        settings: `cutout`, the side of the square in pixels; 0 for none.
        shard: Which part of the batch they are: numbers are drawn for all of it.
    """
    if not settings.cutout:
        return images
    inside = []
    for size in images.shape[2:]:
        first = _draw(0, size - 1, shard, images) - settings.cutout // 2
        place = torch.arange(size, device=images.device)
        inside.append((place >= first[:, None]) & (place < first[:, None] + settings.cutout))  # N x size
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]  # N x 1 x H x W
    return images.masked_fill_(square, 0.0)


def _draw(low: int, high: int, shard: Shard, images: Tensor) -> Tensor:
    """Draw a whole number from `low` to `high` for each image."""
    drawn = torch.randint(low, high + 1, (shard.images,))  # on the CPU, so that every device draws the same
    return drawn[shard.start : shard.start + len(images)].to(images.device, non_blocking=True)


def _inside(places: Tensor, size: int) -> Tensor:
    """Mirror places outside 0 to size - 1 back into them, as often as it takes."""
    if size == 1:
        return torch.zeros_like(places)
    period = 2 * (size - 1)
    return (size - 1) - ((size - 1) - places.remainder(period)).abs()
