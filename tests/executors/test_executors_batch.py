"""Batch systems: their jobs end with a result, without one, or with their coordinator."""

import errno
import signal
import subprocess
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from archbuilder import ArchbuilderError
from archbuilder.executors import batch
from archbuilder.executors.batch import BatchCluster, BatchJob, done_in_batch
from archbuilder.executors.worker import JobOutcome, WorkerLost
from executors.conftest import until


class StaleFile:
    """A file of a server that is in trouble: each look at it fails."""

    def exists(self) -> bool:
        raise OSError(errno.ESTALE, "Stale file handle")

    def unlink(self) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")


class FakeSystem:
    """A batch system whose queue and results are what a test says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(batch, "_POLL", 0.02)
        self.folder, self.queue, self.asked = folder, set[str](), 0
        self.error: Exception | None = None
        self._next: list[BatchJob] = []
        self.cluster = BatchCluster(
            "Batch", folder, [0.0] * 4, False, lambda do: self._next.pop(), self.queued, looks=1
        )

    def queued(self, jobs: Collection[BatchJob]) -> set[str]:
        self.asked += 1
        if self.error:
            raise self.error
        return set(self.queue)

    def start(self, key: str, result: Any, read: Callable[[], JobOutcome] = lambda: (1, None)) -> list[JobOutcome]:
        """Start a job; return where its outcome comes to."""
        outcomes: list[JobOutcome] = []
        self.queue.add(key)
        self._next.append(BatchJob(key, result, result, Path("its.err"), read, lambda: None, None))
        self.cluster.start(lambda: (None, None), outcomes.append)
        return outcomes

    def until_asked_again(self) -> None:
        last = self.asked + 3
        until(lambda: self.asked >= last)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSystem]:
    made = FakeSystem(tmp_path, monkeypatch)
    yield made
    made.queue.clear()
    made.cluster.close()


def raising(error: Exception) -> Callable[[], JobOutcome]:
    def read() -> JobOutcome:
        raise error

    return read


def test_files_that_cannot_be_looked_at_end_neither_the_beats_nor_the_other_jobs(
    system: FakeSystem, tmp_path: Path
) -> None:
    lost, alive = system.start("1", StaleFile()), tmp_path / "alive"
    until(alive.is_file)
    (result := tmp_path / "result").touch()
    done = system.start("2", result, lambda: (2, None))
    until(lambda: bool(done))
    assert done == [(2, None)]
    assert not result.exists()
    before = alive.read_text()
    until(lambda: alive.read_text() not in ("", before))
    assert not lost
    system.queue.remove("1")
    until(lambda: bool(lost))
    assert isinstance(lost[0][1], WorkerLost)


def test_a_job_that_is_in_the_queue_no_more_and_has_no_result_is_lost(system: FakeSystem, tmp_path: Path) -> None:
    waiting, lost = system.start("1", tmp_path / "one"), system.start("2", tmp_path / "other")
    system.until_asked_again()
    assert not waiting
    assert not lost
    system.queue.remove("2")
    until(lambda: bool(lost))
    assert str(lost[0][1]) == "its job 2 ended without a result; see its.err"
    assert not waiting


@pytest.mark.parametrize("error", [FileNotFoundError("squeue"), subprocess.TimeoutExpired("squeue", 10)])
def test_jobs_count_as_queued_while_the_system_does_not_answer(
    system: FakeSystem, tmp_path: Path, error: Exception
) -> None:
    outcomes = system.start("1", tmp_path / "none")
    system.error = error
    system.queue.clear()
    system.until_asked_again()
    assert not outcomes
    system.error = None
    until(lambda: bool(outcomes))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (EOFError("Ran out of input"), "^Batch cannot do jobs: EOFError: Ran out of input\n"),
        (ArchbuilderError("no module"), "^Batch cannot do jobs: no module\n"),
        (OSError(errno.ESTALE, "Stale file handle"), "^the result of its job 1 cannot be read: .*Stale file handle$"),
    ],
)
def test_a_result_that_cannot_be_read_settles_the_job(
    system: FakeSystem, tmp_path: Path, error: Exception, message: str
) -> None:
    (result := tmp_path / "result").touch()
    outcomes = system.start("1", result, raising(error))
    until(lambda: bool(outcomes))
    with pytest.raises((ArchbuilderError, WorkerLost), match=message):
        raise outcomes[0][1] or AssertionError


@pytest.fixture
def handlers() -> Iterator[None]:
    """Restore the handlers of signals that a job in a batch has."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR2)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_a_job_is_stopped_when_its_coordinator_shows_no_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_SILENCE", 2.0)
    (alive := tmp_path / "alive").write_text("0")
    is_gone = Event()

    def live() -> None:
        for beat in range(25):
            alive.write_text(f"{beat}")
            is_gone.wait(0.2)
        is_gone.set()

    beats = list[bool]()

    def job() -> JobOutcome:
        while True:
            beats.append(is_gone.wait(0.1))

    Thread(target=live, daemon=True).start()
    outcome = done_in_batch(job, alive, gpu=False)
    assert str(outcome[1]) == "its job was stopped"
    assert beats[-1]
