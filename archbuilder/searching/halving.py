"""Which trial is trained next, and to which rung: brackets of successive halving, filled one after the other."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archbuilder.trials.record import Record
from archbuilder.trials.trial import Outcome, TrialRecord


@dataclass(frozen=True)
class Bracket:
    """So many trials, of which the best are trained from rung to rung."""

    size: int | None  # None for as many as come, each decided on as soon as it reaches a rung
    rungs: tuple[int, ...]  # the epochs at whose ends trials are compared; the last is the whole training


def kept_of(trials: int, rung: int, factor: int) -> int:
    """Return how many of a bracket's trials are trained beyond a rung."""
    for _ in range(rung + 1):
        trials = max(1, trials // factor)
    return trials


def brackets(pruner: str, epochs: int, factor: int, least: int) -> tuple[Bracket, ...]:
    """Return the brackets that a search goes through again and again.

    Successive halving (Jamieson and Talwalkar 2016) trains all trials of a bracket for a few epochs, the best of them
    for `factor` times as many, and so on. Hyperband (Li et al. 2018) goes through brackets that begin with few and with
    many epochs, as nobody knows how early the good can be told from the bad; the sizes are its algorithm 1's.
    Asynchronous successive halving (Li et al. 2020) has one bracket that never ends and decides on each trial at once,
    by those that reached the rung before it (the variant that stops trials and does not pause them). Trials are
    compared after `least` epochs at the earliest.
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
    if pruner == "asha":
        return (Bracket(None, tuple(rungs)),)
    if pruner == "halving":
        return (Bracket(factor**most, tuple(rungs)),)
    return tuple(
        Bracket(-(-(most + 1) * factor**further // (further + 1)), tuple(rungs[most - further :]))
        for further in range(most, -1, -1)
    )


class Decision(NamedTuple):
    """What is done next with a trial: to which epoch it is trained, or None if it is pruned."""

    number: int
    epochs: int | None


class Slot(NamedTuple):
    """The place that the next new trial takes: the numbers of its budget and its bracket."""

    step: int
    bracket: int


class Halving:
    """Decides what is done next, by what the study says alone: the same record, the same decision.

    The brackets of the budgets take turns. A bracket with a size is decided on when all its trials have reached a rung,
    the last one even if it is not full.
    """

    def __init__(self, cycle: Sequence[Bracket], steps: int, factor: int) -> None:
        """Decide for so many budgets, each of which goes through the same brackets; one of `factor` trials goes on."""
        self._cycle, self._steps, self._factor = tuple(cycle), steps, factor

    def rungs(self, trial: TrialRecord) -> tuple[int, ...]:
        """Return the rungs of a trial; what is never pruned has those of the first bracket."""
        return self.bracket(trial.bracket or 0).rungs

    def bracket(self, number: int) -> Bracket:
        """Return a bracket by its number."""
        return self._cycle[number // self._steps % len(self._cycle)]

    def decisions(self, record: Record, busy: Collection[int], closed: Collection[int]) -> Iterator[Decision]:
        """Return all that can be done now with the trials that are not busy, the most urgent first.

        Brackets of closed budgets, for which no new trials come, are decided on though they are not full.
        """
        waiting, members = record.open, record.members
        for trial in [trial for trial in waiting if trial.bracket is None and trial.number not in busy]:
            yield Decision(trial.number, next(rung for rung in self.rungs(trial) if rung > trial.epochs))
        last = max((number for number in members if number is not None), default=0)
        for number in sorted({trial.bracket for trial in waiting if trial.bracket is not None}):
            bracket, trials = self.bracket(number), members[number]
            if bracket.size is None:
                yield from self._at_once(bracket, trials, busy)
                continue
            # Places are given bracket by bracket: whatever lies before the last one is taken or stays empty.
            is_full = len(trials) >= bracket.size or number % self._steps in closed or number < last
            yield from self._together(bracket, trials, busy, is_full=is_full)

    def slot(self, record: Record, busy: Collection[int], closed: Collection[int]) -> Slot | None:
        """Return the place of the next new trial; None if all budgets are closed."""
        if len(closed) == self._steps:
            return None
        number, members = 0, record.members
        if self._cycle[0].size is None:  # a bracket a budget; the one with the fewest trials is next
            free = [step for step in range(self._steps) if step not in closed]
            step = min(free, key=lambda step: len(members.get(step, ())))
            return Slot(step, step)
        while (
            number % self._steps in closed
            or len(trials := members.get(number, [])) >= (self.bracket(number).size or 0)
            or self._is_decided(number, trials, busy)
        ):
            number += 1
        return Slot(number % self._steps, number)

    def _is_decided(self, number: int, trials: Iterable[TrialRecord], busy: Collection[int]) -> bool:
        """Whether some of a bracket were or are being trained further, or pruned: then nobody joins it."""
        first = self.bracket(number).rungs[0]
        return any(
            trial.epochs > first or trial.outcome is Outcome.PRUNED or (trial.epochs == first and trial.number in busy)
            for trial in trials
        )

    def _together(
        self, bracket: Bracket, trials: Sequence[TrialRecord], busy: Collection[int], *, is_full: bool
    ) -> Iterator[Decision]:
        """Decide on a bracket once all its trials have reached a rung."""
        running = [trial for trial in trials if trial.outcome is not Outcome.FAILED]
        for rung, epochs in enumerate(bracket.rungs):
            below = [trial for trial in running if trial.outcome is Outcome.OPEN and trial.epochs < epochs]
            if below:
                yield from (Decision(trial.number, epochs) for trial in below if trial.number not in busy)
                return
            if rung + 1 == len(bracket.rungs) or not is_full:
                return
            kept = kept_of(len(trials), rung, self._factor)
            ranked = sorted(running, key=lambda trial: (-trial.accuracies[epochs - 1], trial.number))
            yield from (Decision(trial.number, None) for trial in ranked[kept:] if trial.outcome is Outcome.OPEN)
            running = [trial for trial in ranked[:kept] if trial.outcome is not Outcome.PRUNED]

    def _at_once(self, bracket: Bracket, trials: Sequence[TrialRecord], busy: Collection[int]) -> Iterator[Decision]:
        """Decide on each trial by itself, by those that reached its rung before it."""
        for trial in trials:
            if trial.outcome is not Outcome.OPEN or trial.number in busy:
                continue
            better, earlier = 0, 0
            for rung in (rung for one in trials for rung in one.rungs if trial.rungs and rung.accuracies):
                if rung.epochs == trial.epochs and rung.order <= trial.rungs[-1].order:
                    better, earlier = better + (rung.accuracies[-1] > trial.accuracy), earlier + 1
            is_kept = better < max(1, earlier // self._factor)
            yield Decision(
                trial.number, next(rung for rung in bracket.rungs if rung > trial.epochs) if is_kept else None
            )
