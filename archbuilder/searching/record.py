"""What is known of each candidate so far, and which are the best."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from archbuilder.searching.budget import Cost


class Outcome(StrEnum):
    """What became of a proposed candidate."""

    BASELINE = "baseline"  # the spec as it is: it was not proposed, but the sampler learns from it
    FINISHED = "finished"
    PRUNED = "pruned"
    DIVERGED = "diverged"
    FROM_RECORD = "from record"
    OVER_BUDGET = "over budget"
    NOT_A_NETWORK = "not a network"


TRAINED = frozenset({Outcome.BASELINE, Outcome.FINISHED, Outcome.PRUNED, Outcome.DIVERGED})
COUNTED = frozenset({Outcome.FINISHED, Outcome.PRUNED, Outcome.DIVERGED, Outcome.FROM_RECORD})
"""What a study's `trials:` counts."""
NEVER_BUILT = frozenset({Outcome.OVER_BUDGET, Outcome.NOT_A_NETWORK})


@dataclass(frozen=True)
class TrialRecord:
    """One proposed candidate and what became of it.

    Attributes:
        number: Its number in the journal, from 0; those over budget have one too.
        widths: The width of each searched site.
        outcome: What became of it.
        cost: What it costs; empty if it is no network.
        accuracies: The validation accuracy after each epoch it was trained for, from 0 to 1.
        seconds: How long it was trained.
        same_as: The trial that it repeats, if it was answered from the record.
        reason: Why it is no network, or how it diverged.
    """

    number: int
    widths: Mapping[str, int]
    outcome: Outcome
    cost: Cost
    accuracies: tuple[float, ...] = ()
    seconds: float = 0.0
    same_as: int | None = None
    reason: str = ""

    @property
    def accuracy(self) -> float:
        """The validation accuracy after the last epoch; only for a candidate that was trained."""
        return self.accuracies[-1]

    def details(self) -> dict[str, Any]:
        """Give what a journal keeps beside the widths and the accuracies, as plain data."""
        known = {"cost": dict(self.cost), "seconds": round(self.seconds, 3), "same_as": self.same_as}
        return {"outcome": str(self.outcome), "reason": self.reason, **known}

    @classmethod
    def from_details(
        cls, number: int, widths: Mapping[str, int], accuracies: tuple[float, ...], details: Mapping[str, Any]
    ) -> "TrialRecord":
        """Read back what `details` gave."""
        return cls(
            number=number,
            widths=widths,
            outcome=Outcome(details["outcome"]),
            cost=details["cost"],
            accuracies=accuracies,
            seconds=details["seconds"],
            same_as=details["same_as"],
            reason=details["reason"],
        )


class Record:
    """The trials of a study, in order.

    Attributes:
        trials: The trials.
    """

    def __init__(self, trials: Iterable[TrialRecord] = ()) -> None:
        self.trials: list[TrialRecord] = []
        self._trained: dict[tuple[tuple[str, int], ...], TrialRecord] = {}
        for trial in trials:
            self.add(trial)

    def add(self, trial: TrialRecord) -> None:
        """Add the next trial."""
        self.trials.append(trial)
        if trial.outcome in TRAINED:
            self._trained.setdefault(_key(trial.widths), trial)

    def find(self, widths: Mapping[str, int]) -> TrialRecord | None:
        """Give the trial that trained a candidate with these widths, or None."""
        return self._trained.get(_key(widths))

    def best(self, count: int) -> list[TrialRecord]:
        """Give the best of the trials that were trained to the end, the best first.

        Higher validation accuracy first; among equals the fewer MACs, then the earlier.
        """
        finished = [trial for trial in self.trials if trial.outcome is Outcome.FINISHED]
        return sorted(finished, key=lambda trial: (-trial.accuracy, trial.cost["macs"], trial.number))[:count]

    def tally(self) -> "Tally":
        """Count the trials."""
        return Tally(Counter(trial.outcome for trial in self.trials))

    def never_built_in_a_row(self) -> int:
        """How many of the latest proposals were one after the other over budget or no network."""
        count = 0
        for trial in reversed(self.trials):
            if trial.outcome not in NEVER_BUILT:
                break
            count += 1
        return count


@dataclass(frozen=True)
class Tally:
    """How many trials had which outcome."""

    outcomes: Mapping[Outcome, int]

    def __getitem__(self, outcome: Outcome) -> int:
        return self.outcomes.get(outcome, 0)

    @property
    def counted(self) -> int:
        """How many count toward the study's `trials:`."""
        return sum(self[outcome] for outcome in COUNTED)

    @property
    def proposed(self) -> int:
        """How many were proposed."""
        return sum(self.outcomes.values()) - self[Outcome.BASELINE]


def _key(widths: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(widths.items()))
