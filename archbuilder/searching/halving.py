"""Which candidate is trained next, and for how long: brackets of successive halving, filled one after the other."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from archbuilder.searching.record import Outcome, Record, TrialRecord


@dataclass(frozen=True)
class Bracket:
    """So many candidates, of which the best go on from rung to rung.

    Attributes:
        size: How many candidates it takes.
        rungs: The epochs at whose ends candidates are compared, ascending; the last is the whole training.
    """

    size: int
    rungs: tuple[int, ...]

    def keeps(self, members: int, rung: int, factor: int) -> int:
        """Say how many of its members go on beyond a rung."""
        for _ in range(rung + 1):
            members = max(1, members // factor)
        return members


def brackets(pruner: str, epochs: int, factor: int, least: int) -> tuple[Bracket, ...]:
    """Give the brackets that a search goes through again and again.

    Successive halving (Jamieson and Talwalkar 2016) trains all candidates of a bracket for a few epochs, the best of
    them for `factor` times as many, and so on. Hyperband (Li et al. 2018) goes through brackets that begin with few and
    with many epochs, as nobody knows how early the good can be told from the bad; the sizes are its algorithm 1's.

    Args:
        pruner: `none`, `halving` or `hyperband`.
        epochs: Of a whole training.
        factor: One of so many goes on.
        least: The fewest epochs after which candidates are compared.
    """
    rungs = [epochs]
    while pruner != "none" and rungs[0] > least:
        shorter = max(least, round(epochs / factor ** len(rungs)))
        if shorter >= rungs[0]:
            break
        rungs.insert(0, shorter)
    most = len(rungs) - 1
    if pruner == "none":
        return (Bracket(1, (epochs,)),)
    if pruner == "halving":
        return (Bracket(factor**most, tuple(rungs)),)
    return tuple(
        Bracket(-(-(most + 1) * factor**further // (further + 1)), tuple(rungs[most - further :]))
        for further in range(most, -1, -1)
    )


@dataclass(frozen=True)
class Work:
    """What is to be done next with a trial that is there.

    Attributes:
        number: The trial.
        epochs: Until which epoch it is to be trained; None if it is to go no further.
    """

    number: int
    epochs: int | None


@dataclass(frozen=True)
class Slot:
    """The place that the next new candidate takes.

    Attributes:
        step: The number of its budget.
        bracket: The number of its bracket.
    """

    step: int
    bracket: int


class Halving:
    """Decides what is done next, by what the record says alone: the same record, the same decision.

    The brackets of the budgets take turns; a bracket is decided on when all that belongs to it is trained as far as its
    rung, the last one even if it is not full.

    Attributes:
        steps: How many budgets there are.
    """

    def __init__(self, cycle: Sequence[Bracket], steps: int, factor: int) -> None:
        """Decide.

        Args:
            cycle: The brackets that each budget goes through.
            steps: How many budgets there are.
            factor: One of so many goes on.
        """
        self.steps = steps
        self._cycle, self._factor = tuple(cycle), factor

    def bracket(self, number: int) -> Bracket:
        """Give a bracket by its number."""
        return self._cycle[number // self.steps % len(self._cycle)]

    def work(self, record: Record, busy: Collection[int], closed: Collection[int]) -> Iterator[Work]:
        """Give all that can be done now with trials that are there, the most urgent first.

        Args:
            record: The trials.
            busy: Those that are being trained.
            closed: The budgets that no new candidates come for: their brackets are decided on though they are not full.
        """
        members = _members(record)
        for number, trials in sorted(members.items()):
            bracket = self.bracket(number)
            # Places are given bracket by bracket: whatever lies before the last one is taken or stays empty.
            is_full = len(trials) >= bracket.size or number % self.steps in closed or number < max(members)
            yield from self._within(bracket, trials, busy, is_full=is_full)

    def slot(self, record: Record, closed: Collection[int]) -> Slot | None:
        """Give the place of the next new candidate; None if all budgets are closed."""
        if len(closed) == self.steps:
            return None
        members, number = _members(record), 0
        while (
            number % self.steps in closed
            or len(trials := members.get(number, [])) >= self.bracket(number).size
            or self._is_decided(number, trials)
        ):
            number += 1
        return Slot(number % self.steps, number)

    def _is_decided(self, number: int, trials: Sequence[TrialRecord]) -> bool:
        """Whether some of a bracket have gone on, or are out: then nobody joins it."""
        first = self.bracket(number).rungs[0]
        return any(trial.epochs > first or trial.outcome is Outcome.PRUNED for trial in trials)

    def _within(
        self, bracket: Bracket, trials: Sequence[TrialRecord], busy: Collection[int], *, is_full: bool
    ) -> Iterator[Work]:
        running = [trial for trial in trials if trial.outcome is not Outcome.FAILED]
        for rung, epochs in enumerate(bracket.rungs):
            below = [trial for trial in running if trial.outcome is Outcome.OPEN and trial.epochs < epochs]
            if below:
                yield from (Work(trial.number, epochs) for trial in below if trial.number not in busy)
                return
            if rung + 1 == len(bracket.rungs) or not is_full:
                return
            keeps = bracket.keeps(len(trials), rung, self._factor)
            ranked = sorted(running, key=lambda trial: (-trial.accuracies[epochs - 1], trial.number))
            running = ranked[:keeps]
            yield from (Work(trial.number, None) for trial in ranked[keeps:] if trial.outcome is Outcome.OPEN)
            running = [trial for trial in running if trial.outcome is not Outcome.PRUNED]


def _members(record: Record) -> dict[int, list[TrialRecord]]:
    """Give the trials of each bracket."""
    found: dict[int, list[TrialRecord]] = {}
    for trial in record.counted:
        found.setdefault(trial.place.bracket, []).append(trial)
    return found
