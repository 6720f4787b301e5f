"""How far results differ, and whether that is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from scipy.stats import t as student

_CONFIDENCE = 0.95


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
class Difference:
    """How far one network is above another, trained with the same seeds and measured on the same images.

    Attributes:
        mean: The mean difference.
        margin: Within so much of the mean the true one lies, in 19 of 20 such comparisons, as far as seeds go:
            Student's t interval of the paired differences. None of one pair.
        image_error: Two standard errors of an accuracy on so many images: what other images might have changed.
        pairs: How many seeds there are.
    """

    mean: float
    margin: float | None
    image_error: float
    pairs: int

    @property
    def is_noise(self) -> bool:
        """Whether chance explains it: it is within the margin, or within what other images might change."""
        return self.margin is None or abs(self.mean) <= max(self.margin, self.image_error)


def compare(one: Sequence[float], other: Sequence[float], images: int) -> Difference:
    """Compare accuracies, from 0 to 1, seed by seed.

    Args:
        one: Of one network.
        other: Of another, in the same order of seeds.
        images: How many images each was measured on.
    """
    differences = [a - b for a, b in zip(one, other, strict=True)]
    pairs = len(differences)
    margin = None
    if pairs > 1:
        margin = float(student.ppf((1 + _CONFIDENCE) / 2, pairs - 1)) * stdev(differences) / sqrt(pairs)
    share = fmean([*one, *other])
    return Difference(fmean(differences), margin, 2 * sqrt(max(0.0, share * (1 - share)) / images), pairs)
