"""Results of several seeds: their spread, how far two networks differ, and whether that is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes seconds to import

_CONFIDENCE = 0.95
FEWEST_SEEDS = 3
"""Fewer give no margin: from two, chance alone makes it as wide or as narrow as it likes."""


@dataclass(frozen=True)
class Spread:
    """Several measurements of one network."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Their mean."""
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Their standard deviation, by n - 1; None of one."""
        return stdev(self.values) if len(self.values) > 1 else None


SeedVariance = tuple[float, int]
"""How much trainings of one network differ by their seeds alone: the variance, and its degrees of freedom."""


def seed_variance(results: Sequence[Sequence[float]]) -> SeedVariance | None:
    """Return the seed variance pooled over all networks, as few seeds of each say little; None for one seed or network.

    The residual of the two-way analysis of variance without replication (a randomised block design, the seeds its
    blocks), with (k - 1)(n - 1) degrees of freedom for k networks and n seeds.

    Args:
        results: The accuracies of each network, in one order of seeds.
    """
    table = np.array(results, dtype=float)
    networks, seeds = table.shape
    freedom = (networks - 1) * (seeds - 1)
    if not freedom:
        return None
    residuals = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
    return float((residuals**2).sum() / freedom), freedom


@dataclass(frozen=True)
class Difference:
    """How far one network is above another, trained with the same seeds and measured on the same images.

    Attributes:
        mean: The mean difference.
        seed_error: Half of its 95 % confidence interval as far as seeds go, Student's; None if there is one seed.
        image_error: Two standard errors of an accuracy on so many images: what other images might have changed.
        pairs: The number of seeds.
    """

    mean: float
    seed_error: float | None
    image_error: float
    pairs: int

    @property
    def margin(self) -> float | None:
        """How far the true difference may be from the mean, by seeds or by images; None if seeds are too few."""
        return None if self.seed_error is None or self.pairs < FEWEST_SEEDS else max(self.seed_error, self.image_error)

    @property
    def is_noise(self) -> bool:
        """Whether it is within the margin; no if seeds are too few to know."""
        return self.margin is not None and abs(self.mean) <= self.margin


def compare(
    one: Sequence[float], other: Sequence[float], images: int, pooled: SeedVariance | None = None
) -> Difference:
    """Compare accuracies, from 0 to 1, seed by seed.

    Args:
        one: Of one network.
        other: Of another, in the same order of seeds.
        images: The number of images that each was measured on.
        pooled: The seed variance; by default that of these two alone.
    """
    differences = [a - b for a, b in zip(one, other, strict=True)]
    pooled = seed_variance([one, other]) if pooled is None else pooled
    seed_error = None
    if pooled is not None:
        variance, freedom = pooled
        quantile = float(stdtrit(freedom, (1 + _CONFIDENCE) / 2))
        seed_error = quantile * sqrt(2 * variance / len(differences))
    share = fmean([*one, *other])
    image_error = 2 * sqrt(max(0.0, share * (1 - share)) / images)
    return Difference(fmean(differences), seed_error, image_error, len(differences))
