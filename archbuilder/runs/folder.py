"""The folder of a run: what lies in it, and who may write there."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.runs.checkpoint import BEST, LAST, Checkpoint, read_checkpoint
from archbuilder.runs.lock import held, is_held
from archbuilder.runs.seen import SEEN
from archbuilder.spec.writing import write_text
from archbuilder.training import EpochResult, launched

_METRICS, _LOCK = "metrics.jsonl", "run.lock"
_LEFT = (f".{BEST}.*", f".{LAST}.*", f".{_METRICS}.*", f".{SEEN}.*")
"""What a process leaves that is killed while it writes."""


class RunFolder:
    """The folder of a run.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        """Use a folder, which need not exist yet; the last checkpoint of a run means its folder."""
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
        """Use a folder if no run is kept there; else the first of `path-2`, `path-3`, … that is free."""
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
    def opened(self) -> Iterator[None]:
        """Be the one process that writes into the folder while the body runs.

        Raises:
            ArchbuilderError: Another process does, or the folder cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArchbuilderError(f"{self.path}: cannot be created: {error.strerror}") from None
        with held(self.path / _LOCK, f"the run {self.path}"):
            for left in [path for pattern in _LEFT for path in self.path.glob(pattern)]:
                left.unlink()
            yield

    def check_unused(self) -> None:
        """Check that no run has begun here, and that nothing else is kept here.

        Raises:
            ArchbuilderError: One has, or something is.
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
        """Read where a run stands.

        Raises:
            ArchbuilderError: No run has begun here, or its checkpoint is damaged.
        """
        if not self.last.exists():
            raise ArchbuilderError(f"{self.path}: no run to resume: {self._missing()}")
        checkpoint = read_checkpoint(self.last)
        if not checkpoint.state.data:
            raise ArchbuilderError(f"{self.last}: has only a network, like {BEST}, so it cannot be resumed")
        return checkpoint

    def _missing(self) -> str:
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
