"""One contract for every executor: results, exceptions, workers that are killed, interrupts."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.clusters import Cluster, cluster
from support.executor_tasks import double, fail, kill_itself_once, process, wait_for

from archbuilder import ArchbuilderError
from archbuilder.searching.executors import JobExecutor, Processes, WorkerLost, open_executor
from archbuilder.training import CPU

PATIENCE = 120  # seconds, on however busy a machine
Opened = Callable[[], AbstractContextManager[JobExecutor]]


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    pytest.importorskip("distributed")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
        with cluster(tmp_path_factory.mktemp("cluster"), 2) as made:
            yield made


@pytest.fixture(params=["processes", "dask"])
def opened(request: pytest.FixtureRequest) -> Opened:
    address = None if request.param == "processes" else request.getfixturevalue("dask").address

    @contextmanager
    def open_with_two() -> Iterator[JobExecutor]:
        with open_executor(address, [CPU, CPU], 1) as executor:
            until = time.monotonic() + PATIENCE
            while executor.max_workers < 2 and time.monotonic() < until:  # they are just beginning
                time.sleep(0.05)
            yield executor

    return open_with_two


def result_of(future: "Future[Any]") -> Any:
    return future.result(timeout=PATIENCE)


def seen(path: Path) -> str:
    until = time.monotonic() + PATIENCE
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return path.read_text()


def test_this_process_does_each_job_at_once() -> None:
    with open_executor(None, [CPU], None) as executor:
        assert executor.max_workers == 1
        assert result_of(executor.submit(process)) == os.getpid()
        with pytest.raises(ValueError, match="odd"):
            result_of(executor.submit(fail, "odd"))


def test_results_and_exceptions_come_back(opened: Opened) -> None:
    with opened() as executor:
        assert executor.max_workers == 2
        first, second = executor.submit(double, 3), executor.submit(fail, "odd")
        assert result_of(first) == 6
        with pytest.raises(ValueError, match="odd"):
            result_of(second)
        assert [result_of(executor.submit(double, number)) for number in range(4)] == [0, 2, 4, 6]
        assert result_of(executor.submit(process)) != os.getpid()


def test_the_first_that_is_done_is_known_first(opened: Opened, tmp_path: Path) -> None:
    with opened() as executor:
        slow = executor.submit(wait_for, str(tmp_path / "go"), str(tmp_path / "started"))
        quick = executor.submit(double, 1)
        done, _ = wait([slow, quick], timeout=PATIENCE, return_when=FIRST_COMPLETED)
        assert done == {quick}
        (tmp_path / "go").touch()
        assert result_of(slow) == int(seen(tmp_path / "started"))


def test_a_worker_that_is_killed_loses_its_own_job_alone(opened: Opened, tmp_path: Path) -> None:
    with opened() as executor:
        lost = executor.submit(wait_for, str(tmp_path / "go"), str(tmp_path / "lost"))
        other = executor.submit(wait_for, str(tmp_path / "go"), str(tmp_path / "other"))
        killed = int(seen(tmp_path / "lost"))
        seen(tmp_path / "other")
        os.kill(killed, signal.SIGKILL)
        if isinstance(executor, Processes):
            with pytest.raises(WorkerLost, match="its process was ended by SIGKILL") as raised:
                result_of(lost)
            assert raised.value.is_fault_of_job
            assert not other.done()
        (tmp_path / "go").touch()
        if not isinstance(executor, Processes):  # Dask gives it to another by itself
            assert result_of(lost) != killed
        assert result_of(other) == int(seen(tmp_path / "other"))
        assert result_of(executor.submit(double, 2)) == 4


def test_a_job_that_kills_its_process_can_be_submitted_again(opened: Opened, tmp_path: Path) -> None:
    with opened() as executor:
        if isinstance(executor, Processes):
            with pytest.raises(WorkerLost):
                result_of(executor.submit(kill_itself_once, str(tmp_path / "mark")))
        assert result_of(executor.submit(kill_itself_once, str(tmp_path / "mark"))) == "done"


def test_nothing_is_left_running_of_an_executor_that_is_interrupted(opened: Opened, tmp_path: Path) -> None:
    def interrupted() -> None:
        with opened() as executor:
            executor.submit(wait_for, str(tmp_path / "go"), str(tmp_path / "started"))
            seen(tmp_path / "started")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (tmp_path / "go").touch()  # Dask ends a job when it returns
    with opened() as executor:
        assert [result_of(executor.submit(double, number)) for number in (1, 2)] == [2, 4]


def test_a_dask_scheduler_that_is_restarted_loses_jobs_and_takes_new_ones(tmp_path: Path, dask: Cluster) -> None:
    with cluster(tmp_path, 1) as made, open_executor(made.address, [CPU], 1) as executor:
        assert result_of(executor.submit(double, 1)) == 2
        lost = executor.submit(wait_for, str(tmp_path / "go"), str(tmp_path / "started"))
        seen(tmp_path / "started")
        made.restart_scheduler()
        made.add_worker()  # those of a scheduler end with it
        with pytest.raises(WorkerLost) as raised:
            result_of(lost)
        assert not raised.value.is_fault_of_job
        (tmp_path / "go").touch()
        assert result_of(executor.submit(double, 2)) == 4


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("slurm://host", r"--executor: found slurm://host, expected dask://HOST:PORT"),
        ("dask://127.0.0.1:1", r"--executor: no Dask scheduler answers at tcp://127\.0\.0\.1:1"),
    ],
)
def test_an_executor_that_is_not_there_is_an_error(address: str, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message), open_executor(address, [CPU], None):
        pass
