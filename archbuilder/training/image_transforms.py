"""Color jitter, RandAugment and TrivialAugment by torchvision, on each image."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from archbuilder.data import Images
from archbuilder.data.vision import import_torchvision
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import AutoAugment, TrainSettings
from archbuilder.recipe_checks import numbers_text
from archbuilder.training.distributed import Shard

Transform = Callable[[Tensor], Tensor]
"""Changes an image, C x H x W, at random: by the state of torch's generator on the CPU."""


def image_transform(settings: TrainSettings, images: Images, fill: Sequence[float]) -> Transform | None:
    """Return the transform of `color_jitter` or `auto_augment`; None without these settings.

    Args:
        settings: The settings.
        images: The images that it will be used on; one of them is read.
        fill: What pixels from outside of the image are set to: a value for each channel.

    Raises:
        ArchbuilderError: The images are not RGB or gray in 8 bits, or torchvision is not installed.
    """
    name = "auto_augment" if settings.auto_augment else "color_jitter"
    if not getattr(settings, name):
        return None
    _check_images(f"{name} {numbers_text(getattr(settings, name))}", images)
    transforms = import_torchvision("transforms.v2", needed_by=name)
    transform: Transform = _made(transforms, settings, fill)
    return transform


def _made(transforms: Any, settings: TrainSettings, fill: Sequence[float]) -> Any:
    """Make the transform of the settings, with the module of torchvision's transforms."""
    if settings.auto_augment is None:
        jitter = settings.color_jitter
        return transforms.ColorJitter(*((jitter, jitter, jitter) if isinstance(jitter, float) else jitter))
    policies = {AutoAugment.RANDAUGMENT: "RandAugment", AutoAugment.TRIVIALAUGMENT: "TrivialAugmentWide"}
    policy = getattr(transforms, policies[settings.auto_augment])
    interpolation = transforms.InterpolationMode.BILINEAR
    return policy(interpolation=interpolation, fill=[float(round(value)) for value in fill])


def transform_each(images: Tensor, transform: Transform, shard: Shard) -> Tensor:
    """Transform each image with random numbers of its own; the random state afterwards does not depend on them.

    Args:
        images: N x C x H x W, uint8.
        transform: The transform.
        shard: The part of the batch that the images are; seeds are drawn for the whole batch.
    """
    seeds = shard.of(torch.randint(2**63 - 1, (shard.images,)), len(images)).tolist()
    changed = []
    with torch.random.fork_rng(devices=[]):
        for image, seed in zip(images, seeds, strict=True):
            torch.default_generator.manual_seed(seed)
            changed.append(transform(image))
    return torch.stack(changed)


def _check_images(what: str, images: Images) -> None:
    """Raise an error if images are not RGB or gray in 8 bits."""
    channels = images.shape[0]
    if channels not in (1, 3):
        raise ArchbuilderError(f"{what}: images have {channels} channels, expected 3 (RGB) or 1 (gray)")
    (batch,) = images.batches([torch.zeros(1, dtype=torch.int64)])
    if batch.images.dtype != torch.uint8:
        kind = str(batch.images.dtype).removeprefix("torch.")
        raise ArchbuilderError(f"{what}: images are {kind}, whose white level is unknown, expected uint8 (0 to 255)")
