"""What a running study tells whoever watches."""

from collections.abc import Callable
from dataclasses import dataclass

from archbuilder.searching.chance import ChanceRung
from archbuilder.searching.record import Tally, TrialRecord
from archbuilder.study.study import Study


@dataclass(frozen=True)
class StudyOpened:
    """The study is about to go on, or is complete.

    Attributes:
        study: The study.
        trials: How many trials are to be counted in all; None for random search, which goes on until it cost as much.
        tally: The outcomes of the trials so far.
        best: The best finished trial so far.
        baseline: The validation accuracy of the baseline, if it has been trained.
    """

    study: Study
    trials: int | None
    tally: Tally
    best: TrialRecord | None
    baseline: float | None


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
    """The baseline has been trained.

    Attributes:
        accuracy: On the validation split, from 0 to 1.
        seconds: How long it took.
    """

    accuracy: float
    seconds: float


@dataclass(frozen=True)
class BaselineFailed:
    """Memory does not suffice to train the baseline; the search goes on without it.

    Attributes:
        reason: What happened.
    """

    reason: str


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
    """Trials were pruned at a rung where most are at chance level; sent once per rung.

    Attributes:
        rung: The rung.
    """

    rung: ChanceRung


@dataclass(frozen=True)
class SpaceExhausted:
    """No candidate was found that is within a budget and has not been tried.

    Attributes:
        study: The study.
        step: The number of the budget.
    """

    study: Study
    step: int


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
        name: The finalist; `random search trial 3` of random search.
        seed: The seed.
        accuracy: On the validation split, from 0 to 1.
    """

    name: str
    seed: int
    accuracy: float


@dataclass(frozen=True)
class FinalFailed:
    """A finalist could not be trained with one seed; the same command tries it again.

    Attributes:
        name: The finalist; `random search trial 3` of random search.
        seed: The seed.
        reason: Why.
    """

    name: str
    seed: int
    reason: str


@dataclass(frozen=True)
class RandomSearchBegun:
    """Random search of the same cost is about to begin, or to go on."""


Event = (
    StudyOpened
    | LatencyMeasured
    | EpochEnded
    | BaselineEnded
    | BaselineFailed
    | TrialEnded
    | PrunedAtChance
    | SpaceExhausted
    | FinalsBegun
    | FinalEnded
    | FinalFailed
    | RandomSearchBegun
)
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Watch nothing."""
