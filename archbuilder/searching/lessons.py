"""What a sampler is told of the trials: results that compare, whatever the budget they were found within."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from archbuilder.searching.record import Outcome, TrialRecord
from archbuilder.study.hyperparameters import Values
from archbuilder.study.projection import projected
from archbuilder.study.study import Study


@dataclass(frozen=True)
class Lesson:
    """How a candidate did.

    Attributes:
        number: The trial.
        values: The candidate.
        accuracies: By the epochs after which a stretch of its training ended, and with it the schedule of its learning
            rate: only these compare. Empty if it failed.
        is_complete: Whether it was trained to the end.
        attributes: What the sampler gave with it.
    """

    number: int
    values: Values
    accuracies: Mapping[int, float]
    is_complete: bool
    attributes: Mapping[str, Any] | None = None


def lesson_of(trial: TrialRecord, stretch: int = -1) -> Lesson:
    """Give what is known of a trial by the end of one of its stretches."""
    is_last = trial.stretches[stretch] is trial.stretches[-1]
    has_failed = is_last and trial.outcome is Outcome.FAILED
    until = trial.stretches[stretch].epochs
    return Lesson(
        trial.number,
        trial.values,
        {} if has_failed else {epochs: one for epochs, one in trial.compared.items() if epochs <= until},
        is_last and trial.outcome in {Outcome.FINISHED, Outcome.BASELINE},
        trial.attributes,
    )


class CommonLessons:
    """The lessons of a ladder, made those of one search: what is learned within one budget serves the others.

    Every candidate counts as what it is when it is moved to the largest budget, and by its merit: how far it is above
    those of its own budget. One that was cut short counts as well: few are trained to the end.
    """

    def __init__(self, study: Study) -> None:
        """Know nothing yet."""
        self._study = study
        self._taken: dict[int, tuple[int, Lesson]] = {}
        self._moved: dict[int, Values] = {}

    def take(self, step: int, lesson: Lesson) -> None:
        """Take in a lesson, in place of what was known of its trial.

        Args:
            step: The number of its budget.
            lesson: The lesson.
        """
        self._taken.pop(lesson.number, None)
        self._taken[lesson.number] = (step, lesson)

    def all(self) -> list[Lesson]:
        """Give all lessons, in the order in which they were taken in."""
        taken = list(self._taken.values())
        ranked = merits([(step, lesson.accuracies) for step, lesson in taken])
        return [
            replace(
                lesson,
                values=self._at_the_top(lesson),
                accuracies={} if merit is None else {1: merit},
                is_complete=merit is not None,
            )
            for (_, lesson), merit in zip(taken, ranked, strict=True)
        ]

    def _at_the_top(self, lesson: Lesson) -> Values:
        if lesson.number not in self._moved:
            pricer, limits = self._study.pricer, self._study.budgets[-1].limits.counted
            variant = pricer.variant(lesson.values)
            assert variant is not None
            position = projected(variant, pricer.position(lesson.values), limits)
            moved = lesson.values if position is None else pricer.values(position, lesson.values)
            self._moved[lesson.number] = moved
        return self._moved[lesson.number]


def merits(results: Sequence[tuple[int, Mapping[int, float]]]) -> list[float | None]:
    """Give how far each trial is above those of its budget that were trained for as many epochs.

    Trials are compared where a stretch of their training ended. Those that went on from there are compared with each
    other after more epochs; as they were the better ones, the mean of their merits is what it was before. One that was
    not compared before, as it was trained for so long at once, is set beside them.

    Args:
        results: The number of the budget of each trial, and its accuracies by the epochs after which a stretch ended.

    Returns:
        The merits; None of a trial that has no accuracy.
    """
    found: list[float | None] = [None] * len(results)
    for budget in {step for step, _ in results}:
        own = {number: accuracies for number, (step, accuracies) in enumerate(results) if step == budget}
        for epochs in sorted({epochs for accuracies in own.values() for epochs in accuracies}):
            here = {number: accuracies[epochs] for number, accuracies in own.items() if epochs in accuracies}
            before = {number: merit for number in here if (merit := found[number]) is not None}
            mean = fmean(here[number] for number in before or here)
            for number, accuracy in here.items():
                found[number] = accuracy - mean + (fmean(before.values()) if before else 0)
    return found
