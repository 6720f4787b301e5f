"""The trials of a study so far, and which are the best."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import nsmallest

from archbuilder.trials.trial import BASELINE, COUNTED, Outcome, TrialRecord

PASSES = 3
"""Forward passes that training an image costs: the backward pass takes about two, as a gradient is computed both of the
weights and of the input (Kaplan et al. 2020, Scaling Laws for Neural Language Models, 2.1)."""


class Record:
    """The trials of a study by their numbers, in order."""

    def __init__(self, trials: Iterable[TrialRecord] = ()) -> None:
        self.trials = {trial.number: trial for trial in trials}

    def put(self, trial: TrialRecord) -> None:
        """Add a trial, or what is known of it now."""
        self.trials[trial.number] = trial

    @property
    def open(self) -> list[TrialRecord]:
        """Those that are to be trained, or trained further."""
        return [trial for trial in self.trials.values() if trial.outcome is Outcome.OPEN]

    @property
    def members(self) -> dict[int | None, list[TrialRecord]]:
        """The trials that a study's `trials:` counts, by bracket."""
        found: dict[int | None, list[TrialRecord]] = {}
        for trial in self.counted:
            found.setdefault(trial.bracket, []).append(trial)
        return found

    @property
    def segments(self) -> int:
        """How many segments of trainings have ended."""
        return sum(len(trial.rungs) for trial in self.trials.values())

    @property
    def baseline(self) -> TrialRecord | None:
        """The baseline, once it was trained or has failed."""
        trial = self.trials.get(BASELINE)
        return None if trial is None or trial.outcome is Outcome.OPEN else trial

    @property
    def listed(self) -> list[TrialRecord]:
        """The trials that became networks of their own, or repeat one."""
        hidden = {Outcome.INVALID, Outcome.SCORED, Outcome.FILTERED}
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
        over = {Outcome.FINISHED, Outcome.BASELINE}
        finished = [
            one
            for one in self.trials.values()
            if one.outcome in over and one.step is not None and step in {None, one.step}
        ]
        most = len(finished) if count is None else count
        return nsmallest(most, finished, key=lambda one: (-one.accuracy, one.cost["macs"], one.number))

    def found(self, count: int | None = None, step: int | None = None) -> list[TrialRecord]:
        """Return the best as `best` does, without the baseline, also as a ladder trains it again as a reference."""
        own = self.trials.get(BASELINE)
        same = None if own is None or own.step is None else own.values
        return [one for one in self.best(step=step) if one.number != BASELINE and one.values != same][:count]

    def since_progress(self, steps: int) -> int:
        """Count the trials that were begun after the best one of a budget changed last, and are over.

        A trial may become the best long after it was begun, when it is trained further: what counts is the order in
        which segments ended. Nothing counts before any trial was trained to the end; there are `steps` budgets.
        """
        best = [trial for step in range(steps) for trial in self.best(1, step)]
        if not best:
            return 0
        latest = max(trial.rungs[-1].order for trial in best)
        over = [trial for trial in self.counted if trial.outcome is not Outcome.OPEN and trial.rungs]
        return sum(trial.rungs[0].order > latest for trial in over)

    def tally(self) -> "Tally":
        """Count the trials."""
        outcomes = Counter(trial.outcome for trial in self.trials.values() if trial.number != BASELINE)
        outcomes[Outcome.BASELINE] = int(self.baseline is not None)
        return Tally(outcomes, sum(trial.projected for trial in self.counted))

    def training_macs(self, images: int) -> int:
        """Add up the multiply-adds of the trainings, of so many images an epoch, and scores, forward and backward."""
        trials = self.counted
        epochs = sum((trial.epochs + trial.lost) * trial.cost["macs"] for trial in trials)
        return training_macs(epochs, images) + training_macs(sum(trial.scoring for trial in trials), 1)


def training_macs(macs: int, images: int) -> int:
    """Return the multiply-adds of so many images, forward and backward, from those of one, forward."""
    return PASSES * macs * images


@dataclass(frozen=True)
class Tally:
    """How many trials had which outcome, and how many candidates were projected onto the budget."""

    outcomes: Mapping[Outcome, int]
    projected: int = 0

    def __getitem__(self, outcome: Outcome) -> int:
        return self.outcomes.get(outcome, 0)

    @property
    def counted(self) -> int:
        """How many count toward the study's `trials:` and are over."""
        return sum(self[outcome] for outcome in COUNTED - {Outcome.OPEN})
