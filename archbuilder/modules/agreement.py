"""Whether two modules compute the same."""

import torch
from torch import Tensor


def relative_difference(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference of two tensors as a share of the largest value of the second.

    Infinity if their shapes differ, or if a value is infinite or not a number; the difference itself where the second
    is 0 everywhere.
    """
    if found.shape != expected.shape or not all(bool(torch.isfinite(each).all()) for each in (found, expected)):
        return float("inf")
    largest = expected.abs().max().item()
    difference = (found - expected).abs().max().item()
    return difference / largest if largest else difference
