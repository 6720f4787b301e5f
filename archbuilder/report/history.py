"""The history of a search: what its trainings had cost by when it found what."""

from dataclasses import dataclass

from archbuilder.searching import Outcome, StudyResult, TrialRecord
from archbuilder.trials.record import training_macs


@dataclass(frozen=True)
class Moment:
    """The end of a segment of a training.

    Attributes:
        spent: The cost of all trainings until then: multiply-adds, forward and backward; or the number of candidates
            scored, where none is trained.
        trial: The trial.
        accuracy: Its validation accuracy then, from 0 to 1; or its score.
        is_end: Whether the trial was trained to the end with it.
        best: The best so far of the trials of its budget that were trained to the end; None before the first.
    """

    spent: int
    trial: TrialRecord
    accuracy: float
    is_end: bool
    best: float | None

    @property
    def step(self) -> int:
        """The number of its budget."""
        return self.trial.step or 0


def is_in_macs(result: StudyResult) -> bool:
    """Return whether the cost is known in multiply-adds: only for trained candidates on known images."""
    return result.study.settings.objective.is_trained_for and "train" in result.images


def history(result: StudyResult) -> list[Moment]:
    """Return the rungs of a study in the order in which they ended, with the cost and the best accuracy by then.

    The baseline is among them if it is a candidate, as the sampler learned from it. Its cost counts from the start if
    candidates inherit its weights, and otherwise not at all.
    """
    in_macs, images = is_in_macs(result), result.images.get("train", 1)
    trials = [trial for trial in result.record.trials.values() if trial.step is not None]
    rungs = sorted(
        ((trial, place) for trial in trials for place in range(len(trial.rungs))),
        key=lambda entry: entry[0].rungs[entry[1]].order,
    )
    found: list[Moment] = []
    best: dict[int, float] = {}
    spent = result.inherited_macs if in_macs else 0
    for trial, place in rungs:
        rung, is_last = trial.rungs[place], place + 1 == len(trial.rungs)
        if trial.outcome is not Outcome.BASELINE:
            before = trial.rungs[place - 1].epochs if place else 0
            epochs = rung.epochs - before + (trial.lost if is_last else 0)
            scoring = 0 if before else training_macs(trial.scoring, 1)
            spent += training_macs(epochs * trial.cost["macs"], images) + scoring if in_macs else 1
        if not trial.accuracies:  # it failed before its first epoch ended
            continue
        accuracy, step = trial.accuracies[rung.epochs - 1], trial.step or 0
        is_end = is_last and trial.outcome in {Outcome.FINISHED, Outcome.BASELINE}
        if is_end:
            best[step] = max(accuracy, best.get(step, accuracy))
        found.append(Moment(spent, trial, accuracy, is_end, best.get(step)))
    return found


def last_spent(moments: list[Moment]) -> int:
    """Return the cost by the last of them."""
    return moments[-1].spent if moments else 0
