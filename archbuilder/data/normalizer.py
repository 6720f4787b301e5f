"""Values of a data set, shifted and scaled to what networks are trained on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from archbuilder.data.images import Images

_SAMPLE = 10_000  # images that are looked at; a mean is then known to a hundredth of the standard deviation
_AT_ONCE = 256


@dataclass(frozen=True)
class Normalizer:
    """Shifts and scales each channel; to mean 0 and standard deviation 1, if it is of the images it was measured on.

    Attributes:
        mean: One for each channel, in the values of the data set.
        std: One for each channel.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """Return a copy of images as float32 in channels_last memory format, on their device: N x C x H x W."""
        mean, std = (torch.tensor(values, device=images.device).view(1, -1, 1, 1) for values in (self.mean, self.std))
        copy = images.to(torch.float32, memory_format=torch.channels_last, copy=True)
        return copy.sub_(mean).div_(std)


def measure(images: Images) -> Normalizer:
    """Measure images, at most 10,000 of them, spread evenly over the set. A channel without contrast is only shifted.

    Args:
        images: At least one.
    """
    chosen = torch.arange(0, len(images), max(1, -(-len(images) // _SAMPLE)))
    total = torch.zeros(images.shape[0], dtype=torch.float64)
    squares, count = torch.zeros_like(total), 0
    for batch in images.batches([chosen[at : at + _AT_ONCE] for at in range(0, len(chosen), _AT_ONCE)]):
        values = batch.images.to(torch.float64)
        total += values.sum(dim=(0, 2, 3))
        squares += values.square().sum(dim=(0, 2, 3))
        count += values[:, 0].numel()
    mean = total / count
    variance = (squares / count - mean.square()).clamp_min(0)
    std = torch.where(variance > 1e-12 * (1 + mean.square()), variance, torch.ones_like(variance)).sqrt()
    return Normalizer(tuple(mean.tolist()), tuple(std.tolist()))
