"""Convert integer labels to labels from 0."""

from collections.abc import Mapping

import torch
from torch import Tensor

from archbuilder.errors import ArchbuilderError

_MOST_NAMED = 10


def from_zero(labels: Mapping[str, Tensor]) -> tuple[tuple[str, ...], dict[str, Tensor]]:
    """Shift labels to start at 0, and name classes by their original labels.

    The lowest label need not be 0: the letters of EMNIST begin at 1. Between the lowest and the highest none may be
    missing, for a class without an image cannot be learned.

    Args:
        labels: Labels, each N, int64, by the name of their file or array; the training labels first.

    Returns:
        The names of the classes, and the labels from 0, int64, by the same names.

    Raises:
        ArchbuilderError: A label between the lowest and the highest is missing in the training labels, or others have
            a label that these do not.
    """
    (where, first), *others = labels.items()
    if not len(first):
        raise ArchbuilderError(f"{where}: no labels")
    known = torch.tensor(sorted(set(first.tolist())), dtype=torch.int64)
    low, high = int(known[0]), int(known[-1])
    if len(known) != high - low + 1:
        # Bounded: a label may be 2**62, and a range that long is nothing to walk through.
        missing = sorted(set(range(low, min(high, low + len(known) + _MOST_NAMED))) - set(known.tolist()))
        absent = ", ".join(map(str, missing[:_MOST_NAMED]))
        raise ArchbuilderError(f"{where}: labels run from {low} to {high}, but these never occur: {absent}")
    for name, others_labels in others:
        wrong = ((others_labels < low) | (others_labels > high)).nonzero().squeeze(1)
        if len(wrong):
            at = int(wrong[0])
            found = int(others_labels[at])
            message = f"{name}: found the label {found} at image {at:,}, expected {low} to {high} as in {where}"
            raise ArchbuilderError(message)
    mapped = {name: (values - low).to(torch.int64) for name, values in labels.items()}
    return tuple(str(label) for label in known.tolist()), mapped
