"""The result of a run."""

from dataclasses import dataclass, field

from archbuilder.errors import ArchbuilderError
from archbuilder.runs.checkpoint import Checkpoint, read_checkpoint
from archbuilder.runs.folder import RunFolder
from archbuilder.runs.setup import RunSetup
from archbuilder.training import EpochResult, Evaluation, best_epoch


@dataclass(frozen=True)
class RunResult:
    """The result of a run.

    Attributes:
        setup: Spec, data, settings and seeds.
        folder: Folder of its checkpoints.
        history: The result of each epoch.
        interrupted: Whether it was stopped before its end, and can be resumed.
        steps_done: Number of saved steps of the next epoch.
        validation: Evaluation of the best epoch on the validation images; None if interrupted.
        stop_asked: Whether a stop was requested, even if too late.
    """

    setup: RunSetup
    folder: RunFolder
    history: tuple[EpochResult, ...]
    interrupted: bool
    steps_done: int = 0
    validation: Evaluation | None = field(default=None, repr=False)
    stop_asked: bool = False

    def __repr__(self) -> str:
        done = f"{len(self.history)} of {self.setup.settings.epochs} epochs of {self.setup.data}"
        best = f", best validation accuracy {100 * self.best.validation_accuracy:.2f} %" if self.history else ""
        return f"RunResult({str(self.folder.path)!r}: {done}{best})"

    @property
    def best(self) -> EpochResult:
        """The best epoch.

        Raises:
            ArchbuilderError: No epoch was finished.
        """
        if not self.history:
            raise ArchbuilderError(f"{self.folder.path}: no epoch is finished, so none is the best")
        return best_epoch(self.history)

    def checkpoint(self) -> Checkpoint:
        """Read the checkpoint of the best epoch; its `network()` is the trained network."""
        return read_checkpoint(self.folder.best)
