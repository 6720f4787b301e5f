"""The spec as it is: what every candidate is compared with."""

from dataclasses import dataclass

from archbuilder.searching.journal import BASELINE, Journal
from archbuilder.searching.record import Outcome, Place, Stretch, TrialRecord
from archbuilder.study.budget import Cost
from archbuilder.study.hyperparameters import Values


@dataclass(frozen=True)
class Baseline:
    """How the spec as it is did.

    Attributes:
        cost: What it costs.
        accuracies: The validation accuracy after each epoch, from 0 to 1.
        seconds: How long it was trained.
        failure: Why it could not be trained, if memory does not suffice for it; the search goes on without it.
    """

    cost: Cost
    accuracies: tuple[float, ...]
    seconds: float
    failure: str = ""

    @property
    def accuracy(self) -> float | None:
        """The validation accuracy after the last epoch; None if it could not be trained."""
        return self.accuracies[-1] if self.accuracies else None


def read_baseline(journal: Journal) -> Baseline | None:
    """Read what a journal knows of the baseline; None before it has been trained."""
    kept = journal.get(BASELINE)
    if kept is None:
        return None
    return Baseline(
        journal.study.baseline_cost, tuple(kept["accuracies"]), kept["seconds"], failure=kept.get("failure", "")
    )


def keep_failed_baseline(journal: Journal, reason: str) -> None:
    """Write down that the spec as it is could not be trained, for which its candidates may be small enough."""
    journal.put(BASELINE, {"accuracies": (), "seconds": 0.0, "failure": reason})


def keep_baseline(
    journal: Journal, values: Values | None, accuracies: tuple[float, ...], seconds: float
) -> TrialRecord | None:
    """Write down how the spec as it is did; give it as a trial if that is new and the sampler can learn from it.

    It is trained whatever the budget is, since candidates need something to be compared with. It is a trial only if it
    could have been proposed: its widths are in the space and its cost is within a budget.

    Args:
        journal: Where it is kept.
        values: The spec as a candidate, if the space has it.
        accuracies: The validation accuracy after each epoch.
        seconds: How long it was trained.
    """
    is_told = any(trial.outcome is Outcome.BASELINE for trial in journal.record.trials.values())
    study = journal.study
    steps = [number for number, step in enumerate(study.budgets) if step.limits.allows(study.baseline_cost)]
    told = None
    if values is not None and steps and not is_told:
        told = TrialRecord(
            number=-1,
            values=values,
            cost=study.baseline_cost,
            outcome=Outcome.BASELINE,
            place=Place(step=steps[0], bracket=-1),
            accuracies=accuracies,
            stretches=(Stretch(len(accuracies), journal.record.stretches, seconds),),
        )
        told = journal.add(told)
    journal.put(BASELINE, {"accuracies": accuracies, "seconds": seconds})
    return told
