"""What is known of a trial: a reading of Optuna's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from archbuilder.budgets.budget import Cost
from archbuilder.study.hyperparameters import Value


class Outcome(StrEnum):
    """What became of a trial."""

    OPEN = "open"  # to be trained, or trained further
    BASELINE = "baseline"
    FINISHED = "finished"
    PRUNED = "pruned"
    FAILED = "failed"
    DUPLICATE = "duplicate"
    INVALID = "invalid"  # not a valid network, or nothing like it is within the budget
    SCORED = "scored"  # by a zero-cost score; whether it is trained is decided when others are scored
    FILTERED = "filtered"  # another proposal had a higher zero-cost score


BASELINE = 0
"""The number of the trial that is the baseline."""

COUNTED = frozenset({Outcome.OPEN, Outcome.FINISHED, Outcome.PRUNED, Outcome.FAILED})
"""What a study's `trials:` counts, but for the baseline."""

CANDIDATE, CHOSEN, TRAINING = "candidate", "chosen", "training"
"""The attributes that a trial is read from: what it is, for what it was chosen by its score, and how it was trained."""


@dataclass(frozen=True)
class Rung:
    """A segment of a training, at whose end the trial is compared."""

    epochs: int  # for how many the trial has been trained by then
    order: int  # the number of the segment in the study, from 0, by when it ended
    seconds: float
    accuracies: tuple[float, ...]  # on the validation split after each epoch; or the score; none if it failed


@dataclass(frozen=True)
class TrialRecord:
    """A trial and what became of it.

    Attributes:
        number: Its number in Optuna's study; the baseline is 0.
        values: The network: the value of each hyperparameter, projected onto the budget.
        cost: What it costs.
        step: The number of its budget; None for a baseline that is within none.
        bracket: The number of its bracket; None for what is never pruned: the baseline, and a budget's reference.
        projected: Whether it was projected onto the budget.
        donor: The trial whose weights it started from; None if it started from initial weights.
        outcome: What became of it.
        rungs: The segments of its training.
        same_as: The trial that it repeats, of a duplicate.
        reason: How it failed.
        kind: The kind of failure.
        lost: For how many epochs it was trained in a segment that failed.
        score: Its zero-cost score, if it was one of several proposals.
        scoring: The multiply-adds of the scores by which it was chosen, one way.
    """

    number: int
    values: Mapping[str, Value]
    cost: Cost
    step: int | None = 0
    bracket: int | None = 0
    projected: bool = False
    donor: int | None = None
    outcome: Outcome = Outcome.OPEN
    rungs: tuple[Rung, ...] = ()
    same_as: int | None = None
    reason: str = ""
    kind: str = ""
    lost: int = 0
    score: float | None = None
    scoring: int = 0

    @property
    def accuracies(self) -> tuple[float, ...]:
        """The validation accuracy after each epoch, from 0 to 1; or its score, if that is maximized."""
        return tuple(accuracy for rung in self.rungs for accuracy in rung.accuracies)

    @property
    def accuracy(self) -> float:
        """The validation accuracy after the last epoch; only of a trial that was trained."""
        accuracy = self.final_accuracy
        assert accuracy is not None
        return accuracy

    @property
    def final_accuracy(self) -> float | None:
        """The validation accuracy after the last epoch; None of a trial that was not trained."""
        return next((rung.accuracies[-1] for rung in reversed(self.rungs) if rung.accuracies), None)

    @property
    def compared(self) -> dict[int, float]:
        """The validation accuracies by the epochs at which a rung, and with it its learning rate schedule, ended."""
        return {rung.epochs: rung.accuracies[-1] for rung in self.rungs if rung.accuracies}

    @property
    def epochs(self) -> int:
        """For how many epochs it was trained, and that is saved."""
        return self.rungs[-1].epochs if self.rungs else 0

    @property
    def seconds(self) -> float:
        """How long it was trained."""
        return sum(rung.seconds for rung in self.rungs)

    @property
    def is_counted(self) -> bool:
        """Whether a study's `trials:` counts it."""
        return self.outcome in COUNTED and self.number != BASELINE

    def candidate(self) -> dict[str, Any]:
        """Return what it was when it was stored first, as the attribute that it is read from."""
        names = ("values", "cost", "step", "bracket", "projected", "donor", "outcome", "same_as", "score")
        return {name: getattr(self, name) for name in names}

    def training(self) -> dict[str, Any]:
        """Return how it was trained, as the attribute that it is read from."""
        failure = {"kind": self.kind, "reason": self.reason, "lost": self.lost}
        rungs = [[rung.epochs, rung.order, rung.seconds, rung.accuracies] for rung in self.rungs]
        return {"rungs": rungs, **(failure if self.outcome is Outcome.FAILED else {})}

    @classmethod
    def read(cls, trial: FrozenTrial) -> "TrialRecord | None":
        """Read a trial of Optuna's; None of one that was made by another program."""
        said = trial.user_attrs
        if CANDIDATE not in said:
            return None
        training = dict(said.get(TRAINING, {}))
        rungs = tuple(
            Rung(epochs, order, seconds, tuple(accuracies))
            for epochs, order, seconds, accuracies in training.pop("rungs", ())
        )
        scoring = said.get(CHOSEN, {}).get("macs", 0)
        known = cls(trial.number, **said[CANDIDATE], **training, rungs=rungs, scoring=scoring)
        outcome, is_over = Outcome(known.outcome), trial.state is not TrialState.RUNNING
        if training:
            outcome = Outcome.FAILED
        elif outcome is Outcome.SCORED and CHOSEN not in said:
            outcome = Outcome.FILTERED if is_over else Outcome.SCORED
        elif outcome in {Outcome.OPEN, Outcome.SCORED}:
            trained = Outcome.FINISHED if trial.state is TrialState.COMPLETE else Outcome.PRUNED
            outcome = (Outcome.BASELINE if trial.number == BASELINE else trained) if is_over else Outcome.OPEN
        return replace(known, outcome=outcome)
