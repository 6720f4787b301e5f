"""Normalization of images by the mean and standard deviation of each channel."""

from dataclasses import dataclass

import torch
from torch import Tensor

from archbuilder.data.images import Images

_SAMPLE = 10_000  # images that are looked at; a mean is then known to a hundredth of the standard deviation
_AT_ONCE = 256
_APART = 6  # times are standard deviations of images apart whose values are on other scales


@dataclass(frozen=True)
class Normalizer:
    """Subtracts the mean of each channel and divides by its standard deviation.

    Attributes:
        mean: The mean of each channel, in the values of the data set.
        std: The standard deviation of each channel.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def is_on_scale_of(self, other: "Normalizer") -> bool:
        """Return whether two normalizers are of images with values on the same scale, such as 0 to 255."""
        if len(self.std) != len(other.std):
            return False
        pairs = zip(self.mean, self.std, other.mean, other.std, strict=True)
        return all(
            1 / _APART < std / other_std < _APART and abs(mean - other_mean) < _APART * min(std, other_std)
            for mean, std, other_mean, other_std in pairs
        )

    def __call__(self, images: Tensor) -> Tensor:
        """Return a copy of images as float32 in channels_last memory format, on their device: N x C x H x W."""
        mean, std = (torch.tensor(values, device=images.device).view(1, -1, 1, 1) for values in (self.mean, self.std))
        copy = images.to(torch.float32, memory_format=torch.channels_last, copy=True)
        return copy.sub_(mean).div_(std)


def measure(images: Images) -> Normalizer:
    """Return the normalizer of images, measured on at most 10,000 of them; a constant channel gets `std` 1.

    Args:
        images: At least one image.
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
