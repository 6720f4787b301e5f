"""The order of the images of an epoch, and its batches."""

import torch
from torch import Tensor


def order_of_epoch(labels: Tensor, *, balanced: bool, seed: int) -> Tensor:
    """Return the indices of the images of an epoch in random order: N, int64.

    Args:
        labels: The label of each image: N, int64.
        balanced: Whether images are drawn with replacement, with equal probability of each class (as by torch's
            `WeightedRandomSampler`); otherwise each occurs once.
        seed: Determines the order.
    """
    generator = torch.Generator().manual_seed(seed)
    if not balanced:
        return torch.randperm(len(labels), generator=generator)
    found, members = torch.unique(labels, return_inverse=True)
    counts = members.bincount(minlength=len(found))
    sorted_by_class = members.argsort(stable=True)
    drawn = torch.randint(len(found), (len(labels),), generator=generator)  # a class for each image
    place = (torch.rand(len(labels), dtype=torch.float64, generator=generator) * counts[drawn]).long()
    first = counts.cumsum(0) - counts  # of each class, where images are sorted by class
    order: Tensor = sorted_by_class[first[drawn] + place]
    return order


def batches_of(indices: Tensor, batch_size: int, *, least: int = 2) -> list[Tensor]:
    """Split indices into batches; the last may be smaller, or slightly larger.

    A last batch of fewer than `least` images is joined with the batch before it: batch norm in training mode needs more
    than one value per channel, and every epoch should use every image.
    """
    batches = list(torch.split(indices, batch_size))
    if len(batches) > 1 and len(batches[-1]) < least:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches
