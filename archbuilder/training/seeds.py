"""Seeds of seeds: every random choice follows from one number and from what it is for."""

from numpy.random import SeedSequence

INITIAL_WEIGHTS, ORDER, STEP, PROPOSAL = range(4)
"""What is drawn for: a network's first weights, an epoch's order of images, what dropout and augmentation do in a step,
and the candidate of a search."""


def derived_seed(seed: int, *stream: int) -> int:
    """Return one of many independent seeds that are derived from one.

    Args:
        seed: What everything follows from, at least 0.
        stream: What it is for, and which of those it is; each number at least 0.

    Returns:
        A number of 32 bits.
    """
    return int(SeedSequence((seed, *stream)).generate_state(1)[0])
