"""What a training run came to."""

from dataclasses import dataclass, field

from archbuilder.errors import ArchbuilderError
from archbuilder.runs.checkpoint import Checkpoint, read_checkpoint
from archbuilder.runs.folder import RunFolder
from archbuilder.runs.setup import RunSetup
from archbuilder.training import EpochResult, Evaluation, best_epoch


@dataclass(frozen=True)
class RunResult:
    """What a run came to.

    Attributes:
        setup: What it was.
        folder: Where its checkpoints are.
        history: What its epochs came to.
        interrupted: Whether it was asked to stop before its end, and can go on.
        steps_done: How many steps of the next epoch are saved.
        validation: How the network of the best epoch does on the validation images; None if it was interrupted.
        stop_asked: Whether it was asked to stop at all, be it too late for that.
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
            ArchbuilderError: None was finished.
        """
        if not self.history:
            raise ArchbuilderError(f"{self.folder.path}: no epoch is finished, so none is the best")
        return best_epoch(self.history)

    def checkpoint(self) -> Checkpoint:
        """Read the checkpoint of the best epoch; its `network()` is the trained network."""
        return read_checkpoint(self.folder.best)
