"""What a worker is given to do, and what it says while it does it: plain data, that goes from process to process."""

from collections.abc import Mapping
from dataclasses import dataclass

from archbuilder.study.hyperparameters import Value


@dataclass(frozen=True)
class Donor:
    """A trained candidate whose weights another starts from.

    Attributes:
        number: The trial, or `record.OWN`.
        values: The candidate; None for the spec as it is.
        epochs: After how many epochs.
    """

    number: int
    values: Mapping[str, Value] | None
    epochs: int


@dataclass(frozen=True)
class Stretch:
    """Train a candidate on, to the end of an epoch.

    Attributes:
        number: The trial; None for the spec as it is.
        values: The candidate; None for the spec as it is.
        begun: How many epochs it has been trained for.
        until: The epoch at whose end the stretch ends.
        keeps: Whether its state is kept, to go on from or for others to start from.
        donor: Whose weights it starts from; None for fresh ones.
    """

    number: int | None
    values: Mapping[str, Value] | None
    begun: int
    until: int
    keeps: bool
    donor: Donor | None = None


def label(name: str) -> str:
    """Write the name of a finalist, which is that of its folder, as on screens: `trial 12` for `trial-12`."""
    return name.replace("-", " ", 1)


@dataclass(frozen=True)
class Final:
    """Train a network anew from the first epoch to the last, and keep it.

    Attributes:
        name: The finalist's name, and its folder's.
        seed: The seed.
    """

    name: str
    seed: int

    @property
    def label(self) -> str:
        """The name on screens: `trial 12`, `scaled 60%`."""
        return label(self.name)


Work = Stretch | Final


@dataclass(frozen=True)
class EpochDone:
    """An epoch is over.

    Attributes:
        work: Of what.
        epoch: Which, from 1.
        accuracy: On the validation split, from 0 to 1; or a score.
        seconds: How long it took.
    """

    work: Work
    epoch: int
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class WorkDone:
    """Some work is done, and what it was to keep is on disk."""

    work: Work


@dataclass(frozen=True)
class WorkFailed:
    """Some work cannot be done.

    Attributes:
        work: Which.
        kind: The kind of failure: `diverged`, `out of memory`, `no score`, `state lost`, or the name of an exception.
        reason: What happened.
    """

    work: Work
    kind: str
    reason: str


@dataclass(frozen=True)
class WorkLost:
    """The process that did some work is gone; the work can be given to another."""

    work: Work
    reason: str


class WorkError(Exception):
    """Raised by who does some work where it cannot be done by what it is; the search goes on without it.

    Attributes:
        kind: As that of `WorkFailed`.
        reason: What happened.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


Report = EpochDone | WorkDone | WorkFailed | WorkLost
