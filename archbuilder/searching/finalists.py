"""The networks that are retrained, their results, and the best of each budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from archbuilder.budgets.budget import Cost
from archbuilder.network_spec import NetworkSpec
from archbuilder.significance import Spread
from archbuilder.trials.jobs import label

BASELINE = "baseline"
"""The name of the baseline among finalists."""


@dataclass(frozen=True)
class Finalist:
    """A network that is retrained, and its results so far.

    Attributes:
        name: `baseline`, `trial-12`, or `scaled-60%` for the uniformly scaled baseline.
        step: The number of its budget; None for a baseline that is within none.
        number: The trial; None for the baseline and the scaled ones.
        spec: The network.
        cost: What it costs.
        search_accuracy: The validation accuracy in the search; None for one that it did not train.
        seeds: The seeds that it was trained with.
        validation: The validation accuracy at the best epoch with each seed, from 0 to 1.
        test: The test accuracy of the same networks.
        failures: Why there is no result with a seed, for each that failed; the same command tries it again.
    """

    name: str
    step: int | None
    number: int | None
    spec: NetworkSpec
    cost: Cost
    search_accuracy: float | None = None
    seeds: tuple[int, ...] = ()
    validation: tuple[float, ...] = ()
    test: tuple[float, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name on screens: `trial 12`, `scaled 60%`."""
        return label(self.name)

    @property
    def is_trial(self) -> bool:
        """Whether it is a trial, as the baseline is and a scaled baseline is not."""
        return self.number is not None or self.name == BASELINE

    @property
    def is_candidate(self) -> bool:
        """Whether the search could have found it: a trial, or the baseline if it is within a budget."""
        return self.number is not None or (self.name == BASELINE and self.step is not None)

    @property
    def spread(self) -> Spread | None:
        """The test accuracies; None if there are none."""
        return Spread(self.test) if self.test else None

    def tested(self, seeds: Sequence[int]) -> list[float]:
        """Return the test accuracies with some of its seeds."""
        return [self.test[self.seeds.index(seed)] for seed in seeds]


def best_rows(rows: Sequence[Finalist]) -> dict[int, Finalist]:
    """Return the best finalist of each budget, by mean validation accuracy over all held-out seeds.

    Not by test accuracy, which selection would bias upward. Of equals the first is taken. The baseline is a candidate
    if it is within the budget. A finalist with a failed seed is selected only if all have one.
    """

    def score(row: Finalist) -> tuple[int, float]:
        return len(row.test), fmean(row.validation)

    candidates = [row for row in rows if row.test and row.is_candidate]
    steps = sorted({row.step for row in candidates if row.step is not None})
    return {step: max((row for row in candidates if row.step == step), key=score) for step in steps}
