"""What is known of each trial so far, and which are the best: a reading of Optuna's study, never written to."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from heapq import nsmallest
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from archbuilder.study.budget import Cost
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
    FILTERED = "filtered"  # another proposal had a higher zero-cost score


STATES: Mapping[Outcome, TrialState] = {
    Outcome.OPEN: TrialState.RUNNING,
    Outcome.BASELINE: TrialState.COMPLETE,
    Outcome.FINISHED: TrialState.COMPLETE,
    Outcome.PRUNED: TrialState.PRUNED,
    Outcome.DUPLICATE: TrialState.PRUNED,
    Outcome.FAILED: TrialState.FAIL,
    Outcome.INVALID: TrialState.FAIL,
    Outcome.FILTERED: TrialState.FAIL,
}
"""What each is in Optuna. Samplers learn from what is complete or pruned."""

BASELINE = 0
"""The number of the trial that is the baseline."""

COUNTED = frozenset({Outcome.OPEN, Outcome.FINISHED, Outcome.PRUNED, Outcome.FAILED})
"""What a study's `trials:` counts, but for the baseline."""

PASSES = 3
"""Forward passes that training an image costs: the backward pass takes about two, as a gradient is computed both of the
weights and of the input (Kaplan et al. 2020, Scaling Laws for Neural Language Models, 2.1)."""

CANDIDATE, END, RUNGS = "candidate", "end", "rungs"
"""The attributes that a trial is read from: what it is, what became of it, and the rungs that it was trained to."""


@dataclass(frozen=True)
class Rung:
    """A segment of a training, at whose end the trial is compared.

    Attributes:
        epochs: For how many epochs the trial has been trained by then.
        order: The number of the segment in the study, from 0, by when it ended.
        seconds: The time it took.
        accuracies: The validation accuracy after each of its epochs, from 0 to 1; or the score.
    """

    epochs: int
    order: int
    seconds: float
    accuracies: tuple[float, ...]


@dataclass(frozen=True)
class Place:
    """Where in a study a trial belongs.

    Attributes:
        step: The number of its budget; None for a baseline that is within none.
        bracket: The number of its bracket; None for what is never pruned: the baseline, and a budget's reference.
        projected: Whether it was projected onto the budget.
        donor: The trial whose weights it started from; None if it started from initial weights.
    """

    step: int | None = 0
    bracket: int | None = 0
    projected: bool = False
    donor: int | None = None


@dataclass(frozen=True)
class TrialRecord:
    """A trial and what became of it.

    Attributes:
        number: Its number in Optuna's study; the baseline is 0.
        values: The network: the value of each hyperparameter, projected onto the budget.
        cost: What it costs.
        place: Where it belongs.
        outcome: What became of it.
        rungs: The segments of its training.
        same_as: The trial that it repeats, of a duplicate.
        reason: How it failed.
        kind: The kind of failure.
        scoring: The multiply-adds of the scores by which it was chosen, one way.
        lost: For how many epochs it was trained in a segment that failed.
    """

    number: int
    values: Mapping[str, Value]
    cost: Cost
    place: Place = field(default_factory=Place)
    outcome: Outcome = Outcome.OPEN
    rungs: tuple[Rung, ...] = ()
    same_as: int | None = None
    reason: str = ""
    kind: str = ""
    scoring: int = 0
    lost: int = 0

    @property
    def accuracies(self) -> tuple[float, ...]:
        """The validation accuracy after each epoch, from 0 to 1; or its score, if that is maximized."""
        return tuple(accuracy for rung in self.rungs for accuracy in rung.accuracies)

    @property
    def accuracy(self) -> float:
        """The validation accuracy after the last epoch; only of a trial that was trained."""
        return next(rung.accuracies[-1] for rung in reversed(self.rungs) if rung.accuracies)

    @property
    def final_accuracy(self) -> float | None:
        """The validation accuracy after the last epoch; None of a trial that was not trained."""
        return self.accuracy if self.accuracies else None

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
        """Return what it is, as the attribute that it is read from."""
        return {
            "values": dict(self.values),
            "cost": dict(self.cost),
            "place": asdict(self.place),
            "scoring": self.scoring,
            "same_as": self.same_as,
        }

    def end(self) -> dict[str, Any]:
        """Return what became of it, as the attribute that it is read from."""
        return {"outcome": str(self.outcome), "reason": self.reason, "kind": self.kind, "lost": self.lost}

    @classmethod
    def read(cls, trial: FrozenTrial) -> "TrialRecord | None":
        """Read a trial of Optuna's; None of a proposal that is not a candidate yet."""
        attributes = trial.user_attrs
        if CANDIDATE not in attributes:
            return None
        candidate = dict(attributes[CANDIDATE])
        end = dict(attributes.get(END, {}))
        return cls(
            trial.number,
            **candidate | {"place": Place(**candidate["place"])},
            **end | {"outcome": Outcome(end.get("outcome", Outcome.OPEN))},
            rungs=tuple(
                Rung(epochs, order, seconds, tuple(accuracies))
                for epochs, order, seconds, accuracies in attributes.get(RUNGS, ())
            ),
        )


class Record:
    """The trials of a study, in order.

    A search asks after each of thousands of trials which are open and where they stand: that is not looked for anew.

    Attributes:
        trials: The trials by number.
        open: Those that are to be trained, or trained further.
        members: The trials that a study's `trials:` counts, by bracket.
        count: How many these are.
        segments: How many segments of trainings have ended.
    """

    def __init__(self, trials: Iterable[TrialRecord] = ()) -> None:
        self.trials: dict[int, TrialRecord] = {}
        self.open: dict[int, TrialRecord] = {}
        self.members: dict[int | None, dict[int, TrialRecord]] = {}
        self.count = self.segments = 0
        for trial in trials:
            self.put(trial)

    def put(self, trial: TrialRecord) -> None:
        """Add a trial, or what is known of it now."""
        before = self.trials.get(trial.number)
        self.segments += len(trial.rungs) - (0 if before is None else len(before.rungs))
        self.trials[trial.number] = trial
        if trial.is_counted:
            members = self.members.setdefault(trial.place.bracket, {})
            self.count += trial.number not in members
            members[trial.number] = trial
        if trial.outcome is Outcome.OPEN:
            self.open[trial.number] = trial
        else:
            self.open.pop(trial.number, None)

    @property
    def baseline(self) -> TrialRecord | None:
        """The baseline, once it was trained or has failed."""
        trial = self.trials.get(BASELINE)
        return None if trial is None or trial.outcome is Outcome.OPEN else trial

    @property
    def listed(self) -> list[TrialRecord]:
        """The trials that became networks of their own, or repeat one."""
        hidden = {Outcome.INVALID, Outcome.FILTERED}
        return [trial for trial in self.trials.values() if trial.outcome not in hidden]

    @property
    def counted(self) -> list[TrialRecord]:
        """The trials that a study's `trials:` counts."""
        return [trial for trial in self.trials.values() if trial.is_counted]

    def best(self, count: int | None = None, step: int | None = None) -> list[TrialRecord]:
        """Return the best trials that were trained to the end, the best first; the baseline may be one.

        Higher validation accuracy first; among equals the fewer MACs, then the earlier.

        Args:
            count: How many, all unless given.
            step: Of which budget, all unless given.
        """
        finished = [
            trial
            for trial in self.trials.values()
            if trial.outcome in {Outcome.FINISHED, Outcome.BASELINE}
            and trial.place.step is not None
            and step in {None, trial.place.step}
        ]
        return nsmallest(
            len(finished) if count is None else count,
            finished,
            key=lambda trial: (-trial.accuracy, trial.cost["macs"], trial.number),
        )

    def found(self, count: int | None = None, step: int | None = None) -> list[TrialRecord]:
        """Return the best as `best` does, without the baseline."""
        return [trial for trial in self.best(step=step) if trial.number != BASELINE][:count]

    def since_progress(self, steps: int) -> int:
        """Count the trials that were begun after the best one of a budget changed last, and are over.

        A trial may become the best long after it was begun, when it is trained further: what counts is the order in
        which segments ended. Nothing counts before any trial was trained to the end.

        Args:
            steps: How many budgets there are.
        """
        best = [trial for step in range(steps) for trial in self.best(1, step)]
        latest = max((trial.rungs[-1].order for trial in best), default=None)
        if latest is None:
            return 0
        over = [trial for trial in self.counted if trial.outcome is not Outcome.OPEN and trial.rungs]
        return sum(trial.rungs[0].order > latest for trial in over)

    def tally(self) -> "Tally":
        """Count the trials."""
        trials = [trial for trial in self.trials.values() if trial.number != BASELINE]
        outcomes = Counter(trial.outcome for trial in trials)
        outcomes[Outcome.BASELINE] = int(self.baseline is not None)
        return Tally(outcomes, sum(trial.place.projected for trial in trials if trial.is_counted))

    def training_macs(self, images: int) -> int:
        """Add up the multiply-adds of the trainings and of the scores of candidates, forward and backward.

        Args:
            images: How many an epoch has.
        """
        trials = self.counted
        epochs = sum((trial.epochs + trial.lost) * trial.cost["macs"] for trial in trials)
        return training_macs(epochs, images) + training_macs(sum(trial.scoring for trial in trials), 1)


def training_macs(macs: int, images: int) -> int:
    """Return the multiply-adds of so many images, forward and backward, from those of one, forward."""
    return PASSES * macs * images


@dataclass(frozen=True)
class Tally:
    """How many trials had which outcome.

    Attributes:
        outcomes: By outcome.
        projected: How many candidates were projected onto the budget.
    """

    outcomes: Mapping[Outcome, int]
    projected: int = 0

    def __getitem__(self, outcome: Outcome) -> int:
        return self.outcomes.get(outcome, 0)

    @property
    def counted(self) -> int:
        """How many count toward the study's `trials:` and are over."""
        return sum(self[outcome] for outcome in COUNTED - {Outcome.OPEN})
