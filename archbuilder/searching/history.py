"""How a search went: what its trainings had cost by when it found what."""

from dataclasses import dataclass

from archbuilder.searching.record import Outcome, TrialRecord, training_macs
from archbuilder.searching.result import StudyResult


@dataclass(frozen=True)
class Moment:
    """The end of a segment of a training.

    Attributes:
        spent: What all trainings had cost by then: multiply-adds, forward and backward; or how many candidates had been
            rated, where none is trained.
        trial: Of which trial.
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
        return self.trial.place.step or 0


def is_in_macs(result: StudyResult) -> bool:
    """Tell whether what a search spent is known as multiply-adds: only of trained candidates, on known images."""
    return result.study.settings.objective.is_trained_for and "train" in result.images


def history(result: StudyResult) -> list[Moment]:
    """Give the rungs of a study in the order in which they ended, with what was spent and best by then.

    The baseline is among them where it is one of the candidates, as the sampler learned from it. What it cost is spent
    from the start where candidates inherit its weights, and else not at all.
    """
    images = result.images.get("train", 1)
    rungs = [
        (rung, trial, 0 if index == 0 else trial.rungs[index - 1].epochs)
        for trial in result.record.trials.values()
        if trial.place.step is not None
        for index, rung in enumerate(trial.rungs)
    ]
    found: list[Moment] = []
    best = dict[int, float]()
    spent = result.inherited_macs if is_in_macs(result) else 0
    for rung, trial, before in sorted(rungs, key=lambda entry: entry[0].order):
        if trial.outcome is not Outcome.BASELINE:
            scored = 0 if before else training_macs(trial.scoring, 1)
            lost = trial.lost if rung is trial.rungs[-1] else 0
            epochs = training_macs((rung.epochs - before + lost) * trial.cost["macs"], images)
            spent += epochs + scored if is_in_macs(result) else 1
        if not trial.accuracies:  # it failed before it came to one
            continue
        accuracy, step = trial.accuracies[rung.epochs - 1], trial.place.step or 0
        is_end = trial.outcome in {Outcome.FINISHED, Outcome.BASELINE} and rung is trial.rungs[-1]
        if is_end:
            best[step] = max(accuracy, best.get(step, accuracy))
        found.append(Moment(spent, trial, accuracy, is_end, best.get(step)))
    return found


def last_spent(moments: list[Moment]) -> int:
    """Give what was spent by the last of them."""
    return moments[-1].spent if moments else 0
