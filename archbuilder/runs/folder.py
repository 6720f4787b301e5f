"""The folder of a run: its files, and the lock for writing."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.runs.checkpoint import Checkpoint, read_checkpoint
from archbuilder.runs.lock import held, is_held
from archbuilder.runs.seen import SEEN
from archbuilder.spec.checkpoints import BEST, LAST
from archbuilder.spec.writing import write_text
from archbuilder.training import EpochResult, launched

_METRICS, _LOCK = "metrics.jsonl", "run.lock"
_TEMPORARY = (f".{BEST}.*", f".{LAST}.*", f".{_METRICS}.*", f".{SEEN}.*")
"""Temporary files that a killed process may leave."""


class RunFolder:
    """The folder of a run.

    Attributes:
        path: The path.
    """

    def __init__(self, path: Path) -> None:
        """Name a folder, which need not exist; `path` may also be the last checkpoint in it."""
        self.path = path.parent if path.name == LAST else path

    @property
    def best(self) -> Path:
        """The network at its best epoch."""
        return self.path / BEST

    @property
    def last(self) -> Path:
        """Everything needed to resume."""
        return self.path / LAST

    @property
    def metrics(self) -> Path:
        """A line of JSON for every epoch."""
        return self.path / _METRICS

    @classmethod
    def unused(cls, path: Path) -> "RunFolder":
        """Return the folder, or the first of `path-2`, `path-3`, … if it is used."""
        count = 1
        while (place := cls(path if count == 1 else path.with_name(f"{path.name}-{count}"))).is_used:
            count += 1
        return place

    @property
    def is_used(self) -> bool:
        """Whether the folder contains a run, or anything else."""
        # Of several processes that train one network, the first may hold the lock already: they choose the same folder.
        if launched().count == 1 and is_held(self.path / _LOCK):
            return True
        try:
            self.check_unused()
        except ArchbuilderError:
            return True
        return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the folder while the body runs.

        Raises:
            ArchbuilderError: Another process holds the lock, or the folder cannot be created.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArchbuilderError(f"{self.path}: cannot be created: {error.strerror}") from None
        with held(self.path / _LOCK, f"the run {self.path}"):
            for left in [path for pattern in _TEMPORARY for path in self.path.glob(pattern)]:
                left.unlink()
            yield

    def check_unused(self) -> None:
        """Check that the folder contains no run and no other files.

        Raises:
            ArchbuilderError: The folder contains a run or other files.
        """
        if self.last.exists():
            raise ArchbuilderError(
                f"{self.path}: already has a run\n"
                f"  resume_run({str(self.path)!r}) resumes it; another folder keeps another run"
            )
        others = [path.name for path in self.path.iterdir()] if self.path.is_dir() else []
        if others and _LOCK not in others:
            raise ArchbuilderError(f"{self.path}: has {min(others)}, which is not a run's; choose an empty folder")

    def read(self) -> Checkpoint:
        """Read the last checkpoint of the run.

        Raises:
            ArchbuilderError: The folder has no run, or its checkpoint is damaged.
        """
        if not self.last.exists():
            raise ArchbuilderError(f"{self.path}: no run to resume: {self._why_missing()}")
        checkpoint = read_checkpoint(self.last)
        if not checkpoint.state.data:
            raise ArchbuilderError(f"{self.last}: has only a network, like {BEST}, so it cannot be resumed")
        return checkpoint

    def _why_missing(self) -> str:
        """Return why the folder has no checkpoint to resume from, and what to do."""
        if not self.path.exists():
            there = sorted(path.parent.name for path in self.path.parent.glob(f"*/{LAST}"))
            near = did_you_mean(self.path.name, there)
            return f"no such folder{near}" + (f" (runs there: {', '.join(there)})" if there else "")
        if not self.path.is_dir():
            return "it is a file; expected the folder of a run"
        if (self.path / _LOCK).exists():
            return f"no epoch was finished, so nothing was saved; delete {self.path} and start again"
        if (self.path / "journal.log").exists():
            return "it is the folder of a search: run_study resumes it"
        return f"{LAST} is missing"

    def write_metrics(self, history: Sequence[EpochResult]) -> None:
        """Write a line for every epoch."""
        write_text(self.metrics, "".join(_line(result) for result in history))


def _line(result: EpochResult) -> str:
    return json.dumps(result.as_data()) + "\n"
