"""Whether an exported network computes what the module does."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from archbuilder.errors import ArchbuilderError
from archbuilder.exporting.network import NetworkToExport
from archbuilder.modules.agreement import relative_difference

TOLERANCE = 1e-4
"""The largest difference of two outputs, as a share of the largest value."""

BATCHES = (1, 3)
"""The numbers of images of the batches that are compared."""


def check_agreement(
    to_export: NetworkToExport, module: nn.Module, exported: Callable[[Tensor], Tensor], what: str, *, normalized: bool
) -> float:
    """Compare an exported network with its module, for batches of two sizes.

    Args:
        to_export: What is exported.
        module: The module, in evaluation mode.
        exported: Runs the exported network.
        what: What it is, for errors.
        normalized: Whether the images are as the network expects them.

    Returns:
        The largest relative difference.

    Raises:
        ArchbuilderError: It is above the tolerance, or a value is not finite.
    """
    largest = 0.0
    for count in BATCHES:
        images = to_export.images(count, normalized=normalized)
        with torch.inference_mode():
            expected = module(images)
        difference = relative_difference(exported(images), expected)
        if not difference <= TOLERANCE:
            raise ArchbuilderError(
                f"{what}: its outputs for a batch of {count} differ from the module's by {difference:.1e} of the "
                f"largest value; at most {TOLERANCE:g} was expected. Nothing was written."
            )
        largest = max(largest, difference)
    return largest
