"""The folder of a run: what lies in it, and who may write there."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from archbuilder.errors import ArchbuilderError
from archbuilder.runs.checkpoint import BEST, LAST, Checkpoint, read_checkpoint
from archbuilder.runs.lock import held
from archbuilder.spec.writing import write_text
from archbuilder.training import EpochResult

_METRICS = "metrics.jsonl"
_LEFT = (f".{BEST}.*", f".{LAST}.*", f".{_METRICS}.*", ".tmp??????")
"""What a process leaves that is killed while it writes; safetensors calls its own files like the last one."""


class RunFolder:
    """The folder of a run.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        """Use a folder, which need not exist yet."""
        self.path = path

    @property
    def best(self) -> Path:
        """The network at its best epoch."""
        return self.path / BEST

    @property
    def last(self) -> Path:
        """All that is needed to go on."""
        return self.path / LAST

    @property
    def metrics(self) -> Path:
        """A line of JSON for every epoch."""
        return self.path / _METRICS

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Be the one process that writes into the folder while the body runs.

        Raises:
            ArchbuilderError: Another process does, or the folder cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArchbuilderError(f"{self.path}: cannot be made: {error.strerror}") from None
        with held(self.path / "run.lock", f"the run {self.path}"):
            for left in [path for pattern in _LEFT for path in self.path.glob(pattern)]:
                left.unlink()
            yield

    def check_unused(self) -> None:
        """Check that no run has begun here.

        Raises:
            ArchbuilderError: One has.
        """
        if self.last.exists():
            raise ArchbuilderError(
                f"{self.path}: holds a run already\n"
                f"  archbuilder train --resume {self.path} goes on with it; --run FOLDER keeps another one elsewhere"
            )

    def read(self) -> Checkpoint:
        """Read where a run stands.

        Raises:
            ArchbuilderError: No run has begun here, or its checkpoint is damaged.
        """
        if not self.last.exists():
            raise ArchbuilderError(
                f"{self.path}: no run to go on with: {LAST} is not there\n  its first epoch may not have been finished"
            )
        checkpoint = read_checkpoint(self.last)
        if not checkpoint.state.data:
            raise ArchbuilderError(f"{self.last}: holds a network alone, as {BEST} does, and nothing to go on with")
        return checkpoint

    def write_metrics(self, history: Sequence[EpochResult]) -> None:
        """Write a line for every epoch: those after the last checkpoint go."""
        write_text(self.metrics, "".join(_line(result) for result in history))

    def add_metrics(self, result: EpochResult) -> None:
        """Add the line of an epoch."""
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(_line(result))
        except OSError as error:
            raise ArchbuilderError(f"{self.metrics}: cannot be written: {error.strerror}") from None


def _line(result: EpochResult) -> str:
    return json.dumps(result.as_data()) + "\n"
