"""Events of a run, for progress displays and callbacks."""

from collections.abc import Callable
from dataclasses import dataclass

from archbuilder.data import DataSplits
from archbuilder.plan.plan import Plan
from archbuilder.runs.folder import RunFolder
from archbuilder.runs.setup import RunSetup
from archbuilder.runs.teacher import LoadedTeacher
from archbuilder.training import EpochResult, Machine, Processes, StepResult


@dataclass(frozen=True)
class RunOpened:
    """A run is about to start or resume.

    Attributes:
        setup: The setup of the run.
        plan: The network.
        data: The data set.
        folder: The folder of the run.
        machine: The device and precision.
        processes: The processes that train together.
        history: The results of its epochs so far.
        steps_done: The number of finished steps of the next epoch.
        teacher: The teacher, if there is one.
        cached_bytes: The bytes of what it says of all training images, computed once; None if it runs with every batch.
    """

    setup: RunSetup
    plan: Plan
    data: DataSplits
    folder: RunFolder
    machine: Machine
    processes: Processes
    history: tuple[EpochResult, ...]
    steps_done: int
    teacher: LoadedTeacher | None = None
    cached_bytes: int | None = None


@dataclass(frozen=True)
class StepTaken:
    """A training step has ended."""

    step: StepResult


@dataclass(frozen=True)
class EpochEnded:
    """An epoch has ended and is on disk.

    Attributes:
        result: The result.
        is_best: Whether it is the best so far, whose network is kept.
    """

    result: EpochResult
    is_best: bool


Event = RunOpened | StepTaken | EpochEnded
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Ignore an event."""
