"""How far results differ, and whether that is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

import numpy as np
from scipy.stats import t as student

_CONFIDENCE = 0.95
FEWEST_SEEDS = 3  # of a margin: from two, chance alone makes it as wide or as narrow as it likes


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing.

    Attributes:
        values: The measurements.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Their mean."""
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Their standard deviation, by n - 1; None of one."""
        return stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Luck:
    """How much trainings of one network differ by their seeds alone.

    Attributes:
        variance: Of one training; None where one seed says nothing of it.
        freedom: How many degrees of freedom that is known by.
    """

    variance: float | None
    freedom: int


def luck_of(results: Sequence[Sequence[float]]) -> Luck:
    """Judge luck by all networks together, as few seeds of each say little.

    What is left of an accuracy when the mean of its network and that of its seed are taken out: the residual of the
    two-way analysis of variance without replication (a randomised block design, the seeds its blocks), with
    (k - 1)(n - 1) degrees of freedom for k networks and n seeds.

    Args:
        results: Of each network the accuracy with each seed, the seeds in one order.
    """
    table = np.array(results, dtype=float)
    networks, seeds = table.shape
    freedom = (networks - 1) * (seeds - 1)
    if not freedom:
        return Luck(None, 0)
    left = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
    return Luck(float((left**2).sum() / freedom), freedom)


@dataclass(frozen=True)
class Difference:
    """How far one network is above another, trained with the same seeds and measured on the same images.

    Attributes:
        mean: The mean difference.
        seed_error: Within so much of the mean the true one lies, in 19 of 20 such comparisons, as far as seeds go:
            Student's t interval. None where there is one seed.
        image_error: Two standard errors of an accuracy on so many images: what other images might have changed.
        pairs: How many seeds there are.
    """

    mean: float
    seed_error: float | None
    image_error: float
    pairs: int

    @property
    def margin(self) -> float | None:
        """How far the true difference may be from the mean, by seeds or by images; None where seeds are too few."""
        return None if self.seed_error is None or self.pairs < FEWEST_SEEDS else max(self.seed_error, self.image_error)

    @property
    def is_noise(self) -> bool:
        """Whether chance explains it: it is within the margin. Where seeds are too few that is not known: no."""
        return self.margin is not None and abs(self.mean) <= self.margin


def compare(one: Sequence[float], other: Sequence[float], images: int, luck: Luck | None = None) -> Difference:
    """Compare accuracies, from 0 to 1, seed by seed.

    Args:
        one: Of one network.
        other: Of another, in the same order of seeds.
        images: How many images each was measured on.
        luck: How much trainings differ by their seeds, as all networks that were trained with these show; judged by
            these two alone unless given.
    """
    differences = [a - b for a, b in zip(one, other, strict=True)]
    luck = luck_of([one, other]) if luck is None else luck
    error = None
    if luck.variance is not None:
        error = float(student.ppf((1 + _CONFIDENCE) / 2, luck.freedom)) * sqrt(2 * luck.variance / len(differences))
    share = fmean([*one, *other])
    image_error = 2 * sqrt(max(0.0, share * (1 - share)) / images)
    return Difference(fmean(differences), error, image_error, len(differences))
