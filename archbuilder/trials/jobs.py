"""What a worker is given to do and what it returns: plain data, that goes from process to process."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from archbuilder.errors import ArchbuilderError
from archbuilder.runs import OutOfMemory
from archbuilder.runs.memory import is_out_of_memory
from archbuilder.training import TrainingDiverged
from archbuilder.trials.states import state_path
from archbuilder.trials.trial import TrialRecord

OnEpoch = Callable[[int, float], None]
"""Is called with an epoch, from 1, and its validation accuracy."""

SPEC = "spec.yaml"
"""The file of a finalist's network."""


@dataclass(frozen=True)
class Training:
    """Train a trial to a rung."""

    trial: TrialRecord
    until: int  # the epoch at whose end the rung is
    keeps: bool  # whether its state is kept, to be trained further or for others to start from
    donor: TrialRecord | None = None  # whose weights it starts from; None for initial weights

    @property
    def label(self) -> str:
        """The name on screens."""
        return f"trial {self.trial.number}" if self.trial.number else "baseline"

    @property
    def name(self) -> str:
        """The name that no other job at work has."""
        return f"trial-{self.trial.number}"

    @property
    def inputs(self) -> list[Path]:
        """The files that it needs, from the folder of the study."""
        trained = [one for one in (self.trial, self.donor) if one is not None and one.epochs]
        return [state_path(one.number, one.epochs) for one in trained]


@dataclass(frozen=True)
class Final:
    """Retrain a network from initial weights with a seed, and keep it.

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
    """A job is done."""

    accuracies: tuple[float, ...]  # on the validation split after each epoch of the job; or the score
    seconds: float
    files: Mapping[Path, bytes] = field(default_factory=dict)  # what it wrote, if not into the coordinator's folder


@dataclass(frozen=True)
class Failed:
    """A job cannot be done by what it is; the search continues without it."""

    kind: str  # diverged, out of memory, no score, state lost, process lost, or the name of an exception
    reason: str
    epochs: int = 0  # for how many it was trained in vain
    seconds: float = 0.0


Result = Done | Failed


@dataclass(frozen=True)
class NeedsFiles:
    """The worker does not see the folder of the study: the files that the job needs are to be sent."""


class JobError(Exception):
    """Raised where a job cannot be done by what it is; of the kind and for the reason of `Failed`."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


Run = Callable[[Job, OnEpoch], None]
"""Does a job."""


def attempt(job: Job, run: Run, on_epoch: OnEpoch) -> Done | Failed:
    """Do a job; return how it failed if it fails by what it is.

    What goes wrong where progress is shown is no failure of the job.
    """
    shown: list[Exception] = []
    accuracies: list[float] = []

    def show(epoch: int, accuracy: float) -> None:
        accuracies.append(accuracy)
        try:
            on_epoch(epoch, accuracy)
        except Exception as error:
            shown.append(error)
            raise

    started = time.perf_counter()
    try:
        run(job, show)
    except Exception as error:
        is_of_job = not isinstance(error, ArchbuilderError) or isinstance(error, TrainingDiverged | OutOfMemory)
        if shown or not is_of_job:
            raise
        return Failed(*_why(error), len(accuracies), time.perf_counter() - started)
    return Done(tuple(accuracies), time.perf_counter() - started)


def _why(error: Exception) -> tuple[str, str]:
    """Return the kind of a failure and its reason."""
    if isinstance(error, JobError):
        return error.kind, error.reason
    if isinstance(error, TrainingDiverged):
        return "diverged", str(error)
    kind = "out of memory" if isinstance(error, OutOfMemory) or is_out_of_memory(error) else type(error).__name__
    said = str(error).strip() or kind
    return kind, said if isinstance(error, OutOfMemory) else said.splitlines()[0]
