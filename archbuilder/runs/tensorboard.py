"""The metrics of a run for TensorBoard, an optional extra."""

from types import TracebackType
from typing import Any, Self

from archbuilder.errors import ArchbuilderError
from archbuilder.runs.events import EpochEnded, Event, RunOpened


class TensorBoard:
    """Writes the metrics of epochs into the folder `tensorboard` of a run."""

    def __init__(self) -> None:
        """Check that TensorBoard is installed.

        Raises:
            ArchbuilderError: TensorBoard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise ArchbuilderError(
                "TensorBoard is not installed: pip install 'archbuilder[tensorboard]', or leave out --tensorboard"
            ) from None
        self._open: Any = SummaryWriter
        self._writer: Any = None

    def __call__(self, event: Event) -> None:
        """Handle an event."""
        match event:
            case RunOpened() if event.processes.is_first:
                # What a run that was killed wrote of epochs that are not saved is hidden.
                first = len(event.history) + 1
                self._writer = self._open(str(event.folder.path / "tensorboard"), purge_step=first)
            case EpochEnded() if self._writer is not None:
                for name, value in event.result.as_data().items():
                    if name != "epoch":
                        self._writer.add_scalar(name, value, event.result.epoch)
                self._writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, whatever happened."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
