"""What a run tells whoever watches."""

from collections.abc import Callable
from dataclasses import dataclass

from archbuilder.data import DataSplits
from archbuilder.plan.plan import Plan
from archbuilder.runs.folder import RunFolder
from archbuilder.runs.setup import RunSetup
from archbuilder.training import EpochResult, Machine, Processes, StepResult


@dataclass(frozen=True)
class RunOpened:
    """A run is about to start or resume.

    Attributes:
        setup: What it is.
        plan: The network.
        data: What it is trained on.
        folder: Where it is kept.
        machine: Where it is trained.
        processes: Who trains it.
        history: The results of its epochs so far.
        steps_done: How many steps of the next epoch are done.
    """

    setup: RunSetup
    plan: Plan
    data: DataSplits
    folder: RunFolder
    machine: Machine
    processes: Processes
    history: tuple[EpochResult, ...]
    steps_done: int


@dataclass(frozen=True)
class StepTaken:
    """A step was taken."""

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
    """Watch nothing."""
