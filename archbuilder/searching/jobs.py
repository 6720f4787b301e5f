"""What a worker is given to do and what it returns: plain data, that goes from process to process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from archbuilder.searching.states import state_path
from archbuilder.study.hyperparameters import Value

OnEpoch = Callable[[int, float], None]
"""Is called with an epoch, from 1, and its validation accuracy."""

SPEC = "spec.yaml"
"""The file of a finalist's network."""


@dataclass(frozen=True)
class Donor:
    """A trained network whose weights another starts from.

    Attributes:
        number: The trial.
        values: The network.
        epochs: After how many epochs.
    """

    number: int
    values: Mapping[str, Value]
    epochs: int


@dataclass(frozen=True)
class Training:
    """Train a trial to a rung.

    Attributes:
        number: The trial.
        values: The network.
        begun: For how many epochs it has been trained.
        until: The epoch at whose end the rung is.
        keeps: Whether its state is kept, to be trained further or for others to start from.
        donor: Whose weights it starts from; None for initial weights.
    """

    number: int
    values: Mapping[str, Value]
    begun: int
    until: int
    keeps: bool
    donor: Donor | None = None

    @property
    def label(self) -> str:
        """The name on screens."""
        return f"trial {self.number}" if self.number else "baseline"

    @property
    def name(self) -> str:
        """The name that no other job at work has."""
        return f"trial-{self.number}"

    @property
    def inputs(self) -> list[Path]:
        """The files that it needs, from the folder of the study."""
        own = [state_path(self.number, self.begun)] if self.begun else []
        return own + ([] if self.donor is None else [state_path(self.donor.number, self.donor.epochs)])


@dataclass(frozen=True)
class Final:
    """Retrain a network from initial weights, and keep it.

    Attributes:
        finalist: The finalist's name, and its folder's.
        seed: The seed.
    """

    finalist: str
    seed: int

    @property
    def name(self) -> str:
        """The name that no other job at work has."""
        return f"{self.finalist}-seed-{self.seed}"

    @property
    def label(self) -> str:
        """The name on screens: `trial 12`, `scaled 60%`."""
        return label(self.finalist)

    @property
    def folder(self) -> Path:
        """Where it is kept, from the folder of the study."""
        return final_folder(self.finalist) / f"seed-{self.seed}"

    @property
    def inputs(self) -> list[Path]:
        """The files that it needs, from the folder of the study."""
        return [final_folder(self.finalist) / SPEC]


Job = Training | Final


def label(name: str) -> str:
    """Write the name of a finalist, which is that of its folder, as on screens: `trial 12` for `trial-12`."""
    return name.replace("-", " ", 1)


def final_folder(name: str) -> Path:
    """Return where a finalist is kept, from the folder of the study."""
    return Path("finals") / name


@dataclass(frozen=True)
class Done:
    """A job is done.

    Attributes:
        accuracies: The validation accuracy after each epoch of the job; or the score.
        seconds: How long it took.
        files: The files that it wrote, from the folder of the study, if that is not the coordinator's.
    """

    accuracies: tuple[float, ...]
    seconds: float
    files: Mapping[Path, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """A job cannot be done by what it is; the search continues without it.

    Attributes:
        kind: `diverged`, `out of memory`, `no score`, `state lost`, `process lost`, or the name of an exception.
        reason: What happened.
        epochs: For how many epochs it was trained in vain.
        seconds: How long that took.
    """

    kind: str
    reason: str
    epochs: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class NeedsFiles:
    """The worker does not see the folder of the study: the files that the job needs are to be sent."""


class JobError(Exception):
    """Raised where a job cannot be done by what it is.

    Attributes:
        kind: As that of `Failed`.
        reason: What happened.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason
