"""Random geometry of images, on whole batches and on the training device: crops, shifts and flips."""

import torch
from torch import Tensor
from torch.nn import functional

from archbuilder.recipe import TrainSettings
from archbuilder.training.distributed import Shard
from archbuilder.training.rectangles import Rectangles, random_rectangles

_RATIO = (3 / 4, 4 / 3)  # of the width to the height of a crop, as in torchvision and timm


def resized_crops(images: Tensor, settings: TrainSettings, shard: Shard) -> Tensor:
    """Crop each image at random and resize the crop to the image's size, by the setting `resized_crop`.

    What torchvision's `RandomResizedCrop` does to a single image; interpolation is bilinear.

    Args:
        images: N x C x H x W, of any type.
        settings: `resized_crop`, the least share of the area; None for no crops.
        shard: The part of the batch that the images are; random numbers are drawn for the whole batch.

    Returns:
        Images of the same type; integers are rounded.
    """
    if settings.resized_crop is None:
        return images
    height, width = images.shape[2:]
    drawn, found = random_rectangles(shard.images, (height, width), (settings.resized_crop, 1.0), _RATIO)
    whole = _central(height, width)
    chosen = [torch.where(found, one, other) for one, other in zip(drawn, whole, strict=True)]
    crops = Rectangles(*(shard.of(values, len(images)).to(images.device, non_blocking=True) for values in chosen))
    across = _positions(crops.left, crops.width, width)[:, None, :].expand(-1, height, -1)
    down = _positions(crops.top, crops.height, height)[:, :, None].expand(-1, -1, width)
    grid = torch.stack((across, down), dim=-1)  # N x H x W x 2
    resized = functional.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)
    return resized if images.is_floating_point() else resized.round_().to(images.dtype)


def _central(height: int, width: int) -> tuple[int, int, int, int]:
    """Return the largest central crop of an allowed ratio, for images in which no random crop was found."""
    rows = min(height, round(width / _RATIO[0]))
    columns = min(width, round(height * _RATIO[1]))
    return (height - rows) // 2, (width - columns) // 2, rows, columns


def _positions(first: Tensor, length: Tensor, size: int) -> Tensor:
    """Return where in an image the `size` pixels of a resized crop lie along an axis, from -1 to 1: N x size."""
    place = torch.arange(size, device=first.device) + 0.5
    within = (place * (length[:, None] / size) - 0.5).clamp_min(0).minimum(length[:, None] - 1.0)
    return (first[:, None] + within) * (2 / max(1, size - 1)) - 1


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
    down, right = (shard.random_integers(-settings.crop, settings.crop, images) for _ in range(2))
    rows = _reflected(down[:, None] + torch.arange(height, device=images.device), height)  # N x H
    columns = _reflected(right[:, None] + torch.arange(width, device=images.device), width)  # N x W
    if settings.flip:
        mirrored = shard.random_integers(0, 1, images).bool()
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    which = torch.arange(len(images), device=images.device)[:, None, None]
    picked = images.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]]  # N x H x W x C
    return picked.permute(0, 3, 1, 2)


def _reflected(places: Tensor, size: int) -> Tensor:
    """Reflect positions outside 0 to size - 1 into that range."""
    if size == 1:
        return torch.zeros_like(places)
    period = 2 * (size - 1)
    return (size - 1) - ((size - 1) - places.remainder(period)).abs()
