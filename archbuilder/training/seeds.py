"""Derive independent seeds for each purpose from one seed."""

from numpy.random import SeedSequence

INITIAL_WEIGHTS, ORDER, STEP, PROPOSAL, PROJECTIONS = range(5)
"""The purposes of seeds: initial weights, the order of images in an epoch, dropout and augmentation in a step, the
candidate of a search, and the initial projections of distillation."""


def derived_seed(seed: int, *stream: int) -> int:
    """Return an independent seed for a purpose.

    Args:
        seed: The seed, at least 0.
        stream: The purpose, and numbers such as the epoch and step; each at least 0.

    Returns:
        An integer of 32 bits.
    """
    return int(SeedSequence((seed, *stream)).generate_state(1)[0])
