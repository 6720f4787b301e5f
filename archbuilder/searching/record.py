"""What is known of each candidate so far, and which are the best."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from archbuilder.study.budget import Cost
from archbuilder.study.hyperparameters import Value


class Outcome(StrEnum):
    """What became of a candidate."""

    OPEN = "open"  # it waits for its training, or for what goes on with it
    BASELINE = "baseline"  # the spec as it is: it was not proposed, but the sampler learns from it
    FINISHED = "finished"
    PRUNED = "pruned"
    FAILED = "failed"
    FROM_RECORD = "duplicate"


PASSES = 3
"""What training an image costs, in forward passes: going back takes about twice as much as going forward, as a gradient
is computed both of the weights and of the input (Kaplan et al. 2020, Scaling Laws for Neural Language Models, 2.1)."""

OWN = -1
"""What stands for the number of a trial where the spec as it is is meant, whether it is a candidate or not."""

COUNTED = frozenset({Outcome.OPEN, Outcome.FINISHED, Outcome.PRUNED, Outcome.FAILED})
"""What a study's `trials:` counts."""


@dataclass(frozen=True)
class Stretch:
    """Epochs in which a candidate was trained without a break.

    Attributes:
        epochs: How many it has been trained for when it ends.
        order: Which stretch of the study it was, from 0, by when it ended.
        seconds: How long it took.
    """

    epochs: int
    order: int
    seconds: float


@dataclass(frozen=True)
class Place:
    """Where in a study a trial belongs.

    Attributes:
        step: The number of its budget.
        bracket: The number of its bracket, of all budgets.
        repaired: Whether it was moved onto the budget.
        donor: The trial whose weights it started from, or `OWN`; None if it started from fresh ones.
    """

    step: int = 0
    bracket: int = 0
    repaired: bool = False
    donor: int | None = None


@dataclass(frozen=True)
class TrialRecord:
    """A candidate and what became of it.

    Attributes:
        number: Its number in the journal, from 0.
        values: The value of each parameter.
        cost: What it costs.
        outcome: What became of it.
        place: Where it belongs.
        accuracies: The validation accuracy after each epoch it was trained for, from 0 to 1; or its score, if what is
            best is no accuracy.
        stretches: When it was trained.
        same_as: The trial that it repeats, if it was answered from the record.
        reason: How it failed.
        kind: Which kind of failure that is.
        attributes: What its sampler remembers of it.
        scoring: What the scores cost by which it was chosen: multiply-adds of their images, one way.
        lost: How many epochs it was trained for in a stretch that failed.
    """

    number: int
    values: Mapping[str, Value]
    cost: Cost
    outcome: Outcome = Outcome.OPEN
    place: Place = Place()
    accuracies: tuple[float, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    same_as: int | None = None
    reason: str = ""
    kind: str = ""
    attributes: Mapping[str, Any] | None = None
    scoring: int = 0
    lost: int = 0

    @property
    def accuracy(self) -> float:
        """The validation accuracy after the last epoch; only for a candidate that was trained."""
        return self.accuracies[-1]

    @property
    def compared(self) -> dict[int, float]:
        """The validation accuracies by the epochs after which a stretch, and with it its schedule, ended."""
        return {stretch.epochs: self.accuracies[stretch.epochs - 1] for stretch in self.stretches}

    @property
    def epochs(self) -> int:
        """How many epochs are finished and saved."""
        return self.stretches[-1].epochs if self.stretches else 0

    @property
    def seconds(self) -> float:
        """How long it was trained."""
        return sum(stretch.seconds for stretch in self.stretches)


class Record:
    """The trials of a study, in order.

    Attributes:
        trials: The trials by number.
    """

    def __init__(self, trials: Iterable[TrialRecord] = ()) -> None:
        self.trials: dict[int, TrialRecord] = {}
        for trial in trials:
            self.put(trial)

    def put(self, trial: TrialRecord) -> None:
        """Add a trial, or what is known of it now."""
        self.trials[trial.number] = trial

    @property
    def stretches(self) -> int:
        """How many stretches have ended."""
        return sum(len(trial.stretches) for trial in self.trials.values())

    @property
    def counted(self) -> list[TrialRecord]:
        """The trials that a study's `trials:` counts."""
        return [trial for trial in self.trials.values() if trial.outcome in COUNTED]

    def best(self, count: int | None = None, step: int | None = None) -> list[TrialRecord]:
        """Give the best of the trials that were trained to the end, the best first; the spec as it is may be one.

        Higher validation accuracy first; among equals the fewer MACs, then the earlier.

        Args:
            count: How many, all unless given.
            step: Of which budget, all unless given.
        """
        finished = [
            trial
            for trial in self.trials.values()
            if trial.outcome in {Outcome.FINISHED, Outcome.BASELINE} and step in {None, trial.place.step}
        ]
        return sorted(finished, key=lambda trial: (-trial.accuracy, trial.cost["macs"], trial.number))[:count]

    def found(self, count: int | None = None, step: int | None = None) -> list[TrialRecord]:
        """Give the best as `best` does, without the spec as it is."""
        return [trial for trial in self.best(step=step) if trial.outcome is Outcome.FINISHED][:count]

    def since_progress(self, steps: int) -> int:
        """Count the trials that were begun after the best one of a budget changed last, and are over.

        A trial may become the best long after it was begun, when it is trained further: what counts is the order in
        which trainings ended. Nothing counts before any trial was trained to the end.

        Args:
            steps: How many budgets there are.
        """
        best = [trial for step in range(steps) for trial in self.best(1, step)]
        latest = max((trial.stretches[-1].order for trial in best), default=None)
        if latest is None:
            return 0
        over = [trial for trial in self.counted if trial.outcome is not Outcome.OPEN and trial.stretches]
        return sum(trial.stretches[0].order > latest for trial in over)

    def tally(self) -> "Tally":
        """Count the trials."""
        trials = self.trials.values()
        repaired = sum(trial.place.repaired for trial in trials if trial.outcome is not Outcome.FROM_RECORD)
        return Tally(Counter(trial.outcome for trial in trials), repaired)

    def training_macs(self, images: int) -> int:
        """Add up the multiply-adds of the trainings and of the scores of candidates, forward and backward.

        Args:
            images: How many an epoch has.
        """
        trials = [
            trial for trial in self.trials.values() if trial.outcome not in {Outcome.BASELINE, Outcome.FROM_RECORD}
        ]
        epochs = sum((trial.epochs + trial.lost) * trial.cost["macs"] for trial in trials)
        return training_macs(epochs, images) + training_macs(sum(trial.scoring for trial in trials), 1)


def training_macs(macs: int, images: int) -> int:
    """Give the multiply-adds of so many images, forward and backward, from those of one, forward."""
    return PASSES * macs * images


@dataclass(frozen=True)
class Tally:
    """How many trials had which outcome.

    Attributes:
        outcomes: By outcome.
        repaired: How many candidates were moved onto the budget.
    """

    outcomes: Mapping[Outcome, int]
    repaired: int = 0

    def __getitem__(self, outcome: Outcome) -> int:
        return self.outcomes.get(outcome, 0)

    @property
    def counted(self) -> int:
        """How many count toward the study's `trials:` and are over."""
        return sum(self[outcome] for outcome in COUNTED - {Outcome.OPEN})


def trained_further(trial: TrialRecord, accuracies: tuple[float, ...], stretch: Stretch) -> TrialRecord:
    """Give a trial after one more stretch."""
    return replace(trial, accuracies=accuracies, stretches=(*trial.stretches, stretch))
