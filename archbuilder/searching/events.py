"""What a running study tells whoever watches."""

from collections.abc import Callable
from dataclasses import dataclass

from archbuilder.searching.chance import ChanceRung
from archbuilder.study.study import Study
from archbuilder.trials.record import Tally
from archbuilder.trials.trial import TrialRecord


@dataclass(frozen=True)
class StudyOpened:
    """The study is about to go on, or is complete."""

    study: Study
    trials: int | None  # to be counted in all; None for random search, which goes on until it cost as much
    tally: Tally
    best: TrialRecord | None
    baseline: float | None  # its validation accuracy, if it has been trained


@dataclass(frozen=True)
class Message:
    """The connection to the database was lost, or is there again; or a network cannot be measured.

    Attributes:
        sentence: What happened.
    """

    sentence: str


@dataclass(frozen=True)
class LatencyMeasured:
    """A network was measured once; what is said of it is the median of several times.

    Attributes:
        what: Which network, or why: `the baseline`, `a candidate`.
        latency: In microseconds.
        conditions: What it was measured with: `batch size 1 on cpu with 2 threads`.
    """

    what: str
    latency: int
    conditions: str


@dataclass(frozen=True)
class EpochEnded:
    """A network was trained for one more epoch.

    Attributes:
        name: The trial as `trial 12`, `baseline`, or a finalist and its seed.
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
    """The baseline has been trained; or it failed for lack of memory, and the search goes on without it."""

    trial: TrialRecord


@dataclass(frozen=True)
class TrialEnded:
    """A candidate was trained to a rung, or it is decided what becomes of it; and that is stored.

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
class PrunedAtChance:
    """Trials were pruned at a rung where most are at chance level; sent once per rung."""

    rung: ChanceRung


@dataclass(frozen=True)
class SpaceExhausted:
    """No candidate was found that is within a budget, the one of number `step`, and has not been tried."""

    study: Study
    step: int


@dataclass(frozen=True)
class FinalsBegun:
    """The best are about to be retrained: so many trainings in all, of which some are done already."""

    trainings: int
    done: int


@dataclass(frozen=True)
class FinalEnded:
    """A finalist was trained with one seed; or that failed, and the same command tries it again.

    Attributes:
        name: The finalist; `random search trial 3` of random search.
        seed: The seed.
        accuracy: On the validation split, from 0 to 1; None if it failed.
        reason: Why it failed.
    """

    name: str
    seed: int
    accuracy: float | None
    reason: str = ""


@dataclass(frozen=True)
class RandomSearchBegun:
    """Random search of the same cost is about to begin, or to go on."""


Event = (
    StudyOpened
    | Message
    | LatencyMeasured
    | EpochEnded
    | BaselineEnded
    | TrialEnded
    | PrunedAtChance
    | SpaceExhausted
    | FinalsBegun
    | FinalEnded
    | RandomSearchBegun
)
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Watch nothing."""
