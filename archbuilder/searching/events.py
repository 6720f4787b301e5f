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
        name: The trial as `#12`, `baseline`, or a finalist and its seed.
        epoch: Which epoch, from 1.
        epochs: How many there are to be, for now.
        accuracy: On the validation split, from 0 to 1; or a score.
    """

    name: str
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
    """A stretch of a candidate's training has ended, or what becomes of it is decided; and that is on disk.

    Attributes:
        trial: How it stands; open if it may go on.
        tally: The outcomes so far, this one included.
        best: The best finished trial so far.
        counted: How many candidates have been begun.
    """

    trial: TrialRecord
    tally: Tally
    best: TrialRecord | None
    counted: int


@dataclass(frozen=True)
class SpaceExhausted:
    """Every candidate within the budget has been tried."""


@dataclass(frozen=True)
class FinalsBegun:
    """The best are about to be trained once more.

    Attributes:
        trainings: How many there are to be, those that are done included.
        done: How many are done.
    """

    trainings: int
    done: int


@dataclass(frozen=True)
class FinalEnded:
    """A finalist was trained with one seed.

    Attributes:
        name: The finalist.
        seed: The seed.
        accuracy: On the validation split, from 0 to 1.
    """

    name: str
    seed: int
    accuracy: float


@dataclass(frozen=True)
class RivalBegun:
    """Random search of the same cost is about to begin, or to go on."""


Event = StudyOpened | EpochEnded | BaselineEnded | TrialEnded | SpaceExhausted | FinalsBegun | FinalEnded | RivalBegun
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Watch nothing."""
