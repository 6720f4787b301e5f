"""How an epoch is cut into batches."""

import torch
from torch import Tensor


def batches_of(indices: Tensor, batch_size: int, *, least: int = 2) -> list[Tensor]:
    """Cut indices into batches, the last of which may be smaller, or a little larger.

    A last batch of fewer than `least` images joins the batch before it: batch norm in training mode refuses a single
    value a channel, and dropping the image would mean that an epoch does not see every image.
    """
    batches = list(torch.split(indices, batch_size))
    if len(batches) > 1 and len(batches[-1]) < least:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches
