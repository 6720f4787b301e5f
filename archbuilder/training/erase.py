"""Random erasing of parts of normalized images, on whole batches."""

import torch
from torch import Tensor

from archbuilder.recipe import TrainSettings
from archbuilder.training.distributed import Shard
from archbuilder.training.rectangles import Rectangles, random_rectangles

_AREA, _RATIO = (0.02, 0.33), (0.3, 3.3)  # of the erased rectangle, as in torchvision


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
    height, width = images.shape[2:]
    top, left = (shard.random_integers(0, size - 1, images) - settings.cutout // 2 for size in (height, width))
    side = torch.full_like(top, settings.cutout)
    return images.masked_fill_(Rectangles(top, left, side, side).mask((height, width)), 0.0)


def erase_rectangles(images: Tensor, settings: TrainSettings, shard: Shard) -> Tensor:
    """Set a random rectangle of some images to 0, in place, by the setting `random_erasing`.

    Random Erasing Data Augmentation (Zhong et al. 2017): 2 to 33 % of the area, in an aspect ratio of 0.3 to 3.3.

    Args:
        images: N x C x H x W, normalized, so that 0 is the mean of the training images.
        settings: `random_erasing`, the probability of each image; 0 for none.
        shard: The part of the batch that the images are; random numbers are drawn for the whole batch.
    """
    if not settings.random_erasing:
        return images
    height, width = images.shape[2:]
    drawn, found = random_rectangles(shard.images, (height, width), _AREA, _RATIO)
    # One that is as high or as wide as the image is left out, as in torchvision.
    smaller = found & (drawn.height < height) & (drawn.width < width)
    erased = smaller & (torch.rand(shard.images) < settings.random_erasing)
    rectangles = drawn._replace(height=torch.where(erased, drawn.height, 0))
    mine = Rectangles(*(shard.of(values, len(images)).to(images.device, non_blocking=True) for values in rectangles))
    return images.masked_fill_(mine.mask((height, width)), 0.0)
