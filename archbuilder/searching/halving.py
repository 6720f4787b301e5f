"""Which trial is trained next, and to which rung: brackets of successive halving, filled one after the other."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from archbuilder.searching.record import Outcome, Record, TrialRecord


@dataclass(frozen=True)
class Bracket:
    """So many trials, of which the best are trained from rung to rung.

    Attributes:
        size: How many trials it takes; None for as many as come, each decided on as soon as it reaches a rung.
        rungs: The epochs at whose ends trials are compared, ascending; the last is the whole training.
    """

    size: int | None
    rungs: tuple[int, ...]


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
    by those that reached the rung before it (the variant that stops trials and does not pause them).

    Args:
        pruner: `none`, `halving`, `hyperband` or `asha`.
        epochs: Of a whole training.
        factor: One of so many is trained to the next rung.
        least: The fewest epochs after which trials are compared.
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


@dataclass(frozen=True)
class Decision:
    """What is done next with a trial.

    Attributes:
        number: The trial.
        epochs: The rung that it is trained to; None if it is pruned.
    """

    number: int
    epochs: int | None


@dataclass(frozen=True)
class Slot:
    """The place that the next new trial takes.

    Attributes:
        step: The number of its budget.
        bracket: The number of its bracket.
    """

    step: int
    bracket: int


class Halving:
    """Decides what is done next, by what the study says alone: the same record, the same decision.

    The brackets of the budgets take turns. A bracket with a size is decided on when all its trials have reached a rung,
    the last one even if it is not full.
    """

    def __init__(self, cycle: Sequence[Bracket], steps: int, factor: int) -> None:
        """Decide.

        Args:
            cycle: The brackets that each budget goes through.
            steps: How many budgets there are.
            factor: One of so many is trained to the next rung.
        """
        self._cycle, self._steps, self._factor = tuple(cycle), steps, factor

    def rungs(self, trial: TrialRecord) -> tuple[int, ...]:
        """Return the rungs of a trial; what is never pruned has those of the first bracket."""
        return self.bracket(trial.place.bracket or 0).rungs

    def bracket(self, number: int) -> Bracket:
        """Return a bracket by its number."""
        return self._cycle[number // self._steps % len(self._cycle)]

    def decisions(self, record: Record, busy: Collection[int], closed: Collection[int]) -> Iterator[Decision]:
        """Return all that can be done now with the trials that are there, the most urgent first.

        Args:
            record: The trials.
            busy: Those that are being trained.
            closed: The budgets that no new trials come for: their brackets are decided on though they are not full.
        """
        is_open = {trial.place.bracket for trial in record.open.values()}
        for trial in list(record.open.values()) if None in is_open else ():
            if trial.place.bracket is None and trial.number not in busy:
                yield Decision(trial.number, next(rung for rung in self.rungs(trial) if rung > trial.epochs))
        last = max((number for number in record.members if number is not None), default=0)
        for number in sorted(number for number in is_open if number is not None):
            bracket, trials = self.bracket(number), list(record.members[number].values())
            if bracket.size is None:
                yield from self._at_once(bracket, trials, busy)
                continue
            # Places are given bracket by bracket: whatever lies before the last one is taken or stays empty.
            is_full = len(trials) >= bracket.size or number % self._steps in closed or number < last
            yield from self._together(bracket, trials, busy, is_full=is_full)

    def slot(self, record: Record, closed: Collection[int]) -> Slot | None:
        """Return the place of the next new trial; None if all budgets are closed."""
        if len(closed) == self._steps:
            return None
        number = 0
        if self._cycle[0].size is None:  # a bracket a budget; the one with the fewest trials is next
            free = [step for step in range(self._steps) if step not in closed]
            step = min(free, key=lambda step: len(record.members.get(step, ())))
            return Slot(step, step)
        while (
            number % self._steps in closed
            or len(trials := record.members.get(number, {})) >= (self.bracket(number).size or 0)
            or self._is_decided(number, trials.values())
        ):
            number += 1
        return Slot(number % self._steps, number)

    def _is_decided(self, number: int, trials: Iterable[TrialRecord]) -> bool:
        """Whether some of a bracket were trained further, or pruned: then nobody joins it."""
        first = self.bracket(number).rungs[0]
        return any(trial.epochs > first or trial.outcome is Outcome.PRUNED for trial in trials)

    def _together(
        self, bracket: Bracket, trials: Sequence[TrialRecord], busy: Collection[int], *, is_full: bool
    ) -> Iterator[Decision]:
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
            running = ranked[:kept]
            yield from (Decision(trial.number, None) for trial in ranked[kept:] if trial.outcome is Outcome.OPEN)
            running = [trial for trial in running if trial.outcome is not Outcome.PRUNED]

    def _at_once(self, bracket: Bracket, trials: Sequence[TrialRecord], busy: Collection[int]) -> Iterator[Decision]:
        for trial in trials:
            if trial.outcome is not Outcome.OPEN or trial.number in busy:
                continue
            further = next(rung for rung in bracket.rungs if rung > trial.epochs)
            if not trial.rungs:
                yield Decision(trial.number, further)
                continue
            reached = trial.rungs[-1]
            earlier = [
                rung.accuracies[-1]
                for one in trials
                for rung in one.rungs
                if rung.epochs == reached.epochs and rung.order <= reached.order and rung.accuracies
            ]
            better = sum(accuracy > trial.accuracy for accuracy in earlier)
            is_kept = better < max(1, len(earlier) // self._factor)
            yield Decision(trial.number, further if is_kept else None)
