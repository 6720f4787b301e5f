"""What a running study tells whoever watches."""

from collections.abc import Callable
from dataclasses import dataclass

from archbuilder.searching.record import Tally, TrialRecord
from archbuilder.searching.study import Study


@dataclass(frozen=True)
class StudyOpened:
    """The study is about to go on, or is complete.

    Attributes:
        study: The study.
        trials: How many trials are to be counted in all.
        tally: The outcomes of the trials so far.
        best: The best finished trial so far.
        baseline: The validation accuracy of the baseline, if it has been trained.
    """

    study: Study
    trials: int
    tally: Tally
    best: TrialRecord | None
    baseline: float | None


@dataclass(frozen=True)
class EpochEnded:
    """A network was trained for one more epoch.

    Attributes:
        number: The trial; None for the baseline.
        epoch: Which epoch, from 1.
        epochs: How many there are to be.
        accuracy: On the validation split, from 0 to 1.
    """

    number: int | None
    epoch: int
    epochs: int
    accuracy: float


@dataclass(frozen=True)
class BaselineEnded:
    """The baseline has been trained.

    Attributes:
        accuracy: On the validation split, from 0 to 1.
        seconds: How long it took.
    """

    accuracy: float
    seconds: float


@dataclass(frozen=True)
class TrialEnded:
    """A proposed candidate has been dealt with, and that is on disk.

    Attributes:
        trial: What became of it.
        tally: The outcomes so far, this one included.
        best: The best finished trial so far.
    """

    trial: TrialRecord
    tally: Tally
    best: TrialRecord | None


Event = StudyOpened | EpochEnded | BaselineEnded | TrialEnded
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Watch nothing."""
