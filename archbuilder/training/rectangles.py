"""Random rectangles in images, by their area and aspect ratio."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

_TRIES = 10  # for a rectangle that fits, as in torchvision


class Rectangles(NamedTuple):
    """A rectangle in each of N images, in pixels.

    Attributes:
        top: The first row: N, int64.
        left: The first column: N, int64.
        height: The number of rows: N, int64.
        width: The number of columns: N, int64.
    """

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor

    def mask(self, size: tuple[int, int]) -> Tensor:
        """Return whether each pixel lies within: N x 1 x H x W; parts outside of the image are ignored."""
        inside = []
        for first, length, count in ((self.top, self.height, size[0]), (self.left, self.width, size[1])):
            place = torch.arange(count, device=first.device)
            inside.append((place >= first[:, None]) & (place < (first + length)[:, None]))  # N x count
        return inside[0][:, None, :, None] & inside[1][:, None, None, :]


def random_rectangles(
    count: int, size: tuple[int, int], area: tuple[float, float], ratio: tuple[float, float]
) -> tuple[Rectangles, Tensor]:
    """Draw rectangles that lie within images: of each the first of ten that fits.

    The area is uniform, the aspect ratio log-uniform, the place uniform: torchvision's `RandomResizedCrop` and
    `RandomErasing` draw so. Numbers are drawn on the CPU, so that every device draws the same.

    Args:
        count: The number of images.
        size: Their height and width.
        area: The least and the greatest share of the image's area.
        ratio: The least and the greatest width by height.

    Returns:
        The rectangles, and whether each fits: N, bool. One that does not is as large as the image.
    """
    height, width = size
    drawn = torch.rand(count, _TRIES, 2)
    areas = height * width * (area[0] + (area[1] - area[0]) * drawn[..., 0])  # N x tries
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspects = torch.exp(low + (high - low) * drawn[..., 1])
    heights, widths = (areas / aspects).sqrt().round().long(), (areas * aspects).sqrt().round().long()
    fits = (heights >= 1) & (heights <= height) & (widths >= 1) & (widths <= width)
    first = fits.int().argmax(dim=1, keepdim=True)  # the first that is largest
    found = fits.any(dim=1)
    rows = torch.where(found, heights.gather(1, first)[:, 0], height)
    columns = torch.where(found, widths.gather(1, first)[:, 0], width)
    place = torch.rand(count, 2)
    top, left = ((place[:, axis] * (room + 1)).long() for axis, room in enumerate((height - rows, width - columns)))
    return Rectangles(top, left, rows, columns), found
