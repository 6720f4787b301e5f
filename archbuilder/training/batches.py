"""Split the images of an epoch into batches."""

import torch
from torch import Tensor


def batches_of(indices: Tensor, batch_size: int, *, least: int = 2) -> list[Tensor]:
    """Split indices into batches; the last may be smaller, or slightly larger.

    A last batch of fewer than `least` images is joined with the batch before it: batch norm in training mode needs more
    than one value per channel, and every epoch should use every image.
    """
    batches = list(torch.split(indices, batch_size))
    if len(batches) > 1 and len(batches[-1]) < least:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches
