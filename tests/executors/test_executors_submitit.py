"""Submitit, by its processes of this machine: what is its own. `make faults` runs the contract with it."""

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.clusters import TESTS
from support.executor_tasks import process, wait_for
from support.patience import PATIENCE

from archbuilder import ArchbuilderError, __version__
from archbuilder.executors.executor import open_executor
from archbuilder.executors.worker import WorkerLost
from archbuilder.training import CPU
from executors.conftest import lines, until

pytest.importorskip("submitit")
from submitit.core.utils import FailedJobError

from archbuilder.executors import submitit_cluster
from archbuilder.executors.submitit_cluster import SubmititCluster
from archbuilder.executors.worker import JobOutcome


class StaleFile:
    """A file of a server that is in trouble: each look at it fails."""

    def exists(self) -> bool:
        raise OSError(errno.ESTALE, "Stale file handle")

    def unlink(self, missing_ok: bool = False) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")


class FakeJob:
    """A job of Slurm's whose result is what a test says."""

    def __init__(self, number: int, result: Any, ended: Callable[[], JobOutcome]) -> None:
        self.job_id, self.result, self.is_canceled, self.is_done = f"{number}", ended, False, False
        self.paths = SimpleNamespace(submitted_pickle=result, result_pickle=result, stderr="its.err")

    def done(self) -> bool:
        return self.is_done

    def cancel(self, check: bool = True) -> None:
        self.is_canceled = True
        raise FileNotFoundError("scancel")


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[FakeJob], list[JobOutcome]]]:
    """Give a function that starts a job, and returns where its outcome comes to."""
    monkeypatch.setattr(submitit_cluster, "_POLL", 0.02)
    cluster = SubmititCluster("local:workers=4", tmp_path)

    def start(job: FakeJob) -> list[JobOutcome]:
        outcomes: list[JobOutcome] = []
        monkeypatch.setattr(cluster._executor, "submit", lambda *arguments: job)
        cluster.start(lambda: (None, None), outcomes.append)
        return outcomes

    start.cluster = cluster  # type: ignore[attr-defined]
    yield start
    cluster.close()


def raising(error: Exception) -> Callable[[], JobOutcome]:
    def result() -> JobOutcome:
        raise error

    return result


def test_files_that_cannot_be_looked_at_end_neither_the_beats_nor_the_other_jobs(
    started: Callable[[FakeJob], list[JobOutcome]], tmp_path: Path
) -> None:
    stale = FakeJob(1, StaleFile(), lambda: (1, None))
    lost, alive = started(stale), tmp_path / "progress" / "local" / "alive"
    until(alive.is_file)
    (result := tmp_path / "result").touch()
    done = started(FakeJob(2, result, lambda: (2, None)))
    until(lambda: bool(done))
    assert done == [(2, None)]
    before = alive.read_text()
    until(lambda: alive.read_text() not in ("", before))
    assert not lost
    stale.is_done = True
    until(lambda: bool(lost))
    assert isinstance(lost[0][1], WorkerLost)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (EOFError("Ran out of input"), "submitit cannot do jobs: EOFError: Ran out of input"),
        (FailedJobError("no traceback"), "submitit cannot do jobs: no traceback"),
        (OSError(errno.ESTALE, "Stale file handle"), "the result of its job 1 cannot be read: .*Stale file handle"),
    ],
)
def test_a_result_that_cannot_be_read_settles_the_job(
    started: Callable[[FakeJob], list[JobOutcome]], tmp_path: Path, error: Exception, message: str
) -> None:
    (result := tmp_path / "result").touch()
    outcomes = started(FakeJob(1, result, raising(error)))
    until(lambda: bool(outcomes))
    with pytest.raises((ArchbuilderError, WorkerLost), match=message):
        raise outcomes[0][1] or AssertionError


def test_jobs_are_canceled_although_one_cannot_be(
    started: Callable[[FakeJob], list[JobOutcome]], tmp_path: Path
) -> None:
    jobs = [FakeJob(number, tmp_path / "none", lambda: (1, None)) for number in range(3)]
    for job in jobs:
        started(job)
    cluster: SubmititCluster = started.cluster  # type: ignore[attr-defined]
    cluster._queued = set  # type: ignore[method-assign]
    cluster.close()
    assert all(job.is_canceled for job in jobs)


@pytest.mark.parametrize("error", [FileNotFoundError("squeue"), subprocess.TimeoutExpired("squeue", 10)])
def test_jobs_count_as_queued_while_slurm_does_not_answer(
    started: Callable[[FakeJob], list[JobOutcome]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    cluster: SubmititCluster = started.cluster  # type: ignore[attr-defined]
    outcomes = started(FakeJob(1, tmp_path / "none", lambda: (1, None)))

    def run(*arguments: Any, **keywords: Any) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", run)
    cluster._asks = 2
    assert cluster._queued() == {"1"}
    assert not outcomes


def test_jobs_are_processes_of_their_own_whose_files_are_in_the_folder_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS.parent), str(TESTS)]))
    with open_executor("local:workers=2", [CPU], 1, tmp_path) as executor:
        assert executor.max_workers == 2
        one, other = executor.submit(process), executor.submit(wait_for, tmp_path / "go", tmp_path / "started")
        pid = int(lines(tmp_path / "started")[0])
        assert len({one.result(PATIENCE), pid, os.getpid()}) == 3
        assert list((tmp_path / "progress" / "local").glob("*_log.err"))
        os.kill(pid, signal.SIGTERM)  # what Slurm sends to a job that is to make way for another
        with pytest.raises(WorkerLost, match=r"^its job was ended by SIGTERM$"):
            other.result(PATIENCE)
    assert not list((tmp_path / "progress" / "local").glob("*.pkl"))


def test_a_job_without_the_packages_is_an_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS.parent))
    message = (
        rf"^submitit cannot do jobs: .* named 'support'\n  workers need archbuilder {__version__} and the packages"
    )
    with (
        open_executor("local:workers=1", [CPU], 1, tmp_path) as executor,
        pytest.raises(ArchbuilderError, match=message),
    ):
        executor.submit(process).result(PATIENCE)


@pytest.mark.parametrize("address", ["slurm:", "slurm:workers=4", "slurm:time=60", "slurm:workers=many,time=60"])
def test_an_address_that_says_too_little_is_an_error(address: str, tmp_path: Path) -> None:
    message = rf"^--executor {address}: expected slurm:workers=16,time=8:00:00 and sbatch's options$"
    with pytest.raises(ArchbuilderError, match=message), open_executor(address, [CPU], 1, tmp_path):
        pass


@pytest.mark.skipif(shutil.which("srun") is not None, reason="Slurm is installed")
def test_slurm_that_is_not_installed_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(ArchbuilderError, match=r"^--executor slurm:workers=4,time=60: Could not detect \"srun\""),
        open_executor("slurm:workers=4,time=60", [CPU], 1, tmp_path),
    ):
        pass
