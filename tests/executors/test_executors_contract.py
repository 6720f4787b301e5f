"""What every executor does: results, exceptions, workers that are killed, cancellation, interrupts."""

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.clusters import TESTS
from support.executor_tasks import (
    double,
    end_process,
    fail,
    fail_particularly,
    fail_with_a_lock,
    kill_itself_once,
    machine,
    process,
    return_a_lock,
    start_process,
    threads,
    wait_for,
)
from support.patience import PATIENCE

from archbuilder import ArchbuilderError
from archbuilder.executors.executor import InThisProcess
from archbuilder.executors.processes import Processes
from archbuilder.executors.worker import WorkerLost
from archbuilder.training import CPU
from executors.conftest import MACHINES, OTHERS, Opened, address_of, is_alive, lines, until

others = pytest.mark.parametrize("opened", OTHERS, indirect=True)
survivors = pytest.mark.parametrize("opened", [kind for kind in OTHERS if kind != "mpi"], indirect=True)
"""All but MPI, whose program ends with any of its processes."""


def result_of(future: Future[Any]) -> Any:
    return future.result(PATIENCE)


def test_results_come_back(opened: Opened) -> None:
    with opened() as executor:
        assert executor.max_workers == (1 if isinstance(executor, InThisProcess) else 2)
        assert [result_of(executor.submit(double, number=number)) for number in range(4)] == [0, 2, 4, 6]
        assert (result_of(executor.submit(process)) == os.getpid()) == isinstance(executor, InThisProcess)
        assert result_of(executor.submit(threads)) == 2
        assert result_of(executor.submit(start_process)) == 0


def test_exceptions_keep_type_and_message(opened: Opened) -> None:
    with opened() as executor:
        raised = executor.submit(fail, "it is odd").exception(PATIENCE)
        assert (type(raised), str(raised)) == (ValueError, "it is odd")
        assert result_of(executor.submit(double, 1)) == 2
        if not isinstance(executor, InThisProcess):
            assert "executor_tasks.py" in str(getattr(raised, "__notes__", None))  # its traceback


def test_an_exception_that_cannot_be_sent_comes_as_its_text(opened: Opened) -> None:
    with opened() as executor:
        with pytest.raises(ArchbuilderError, match=r"^net.yaml:3: odd$"):
            result_of(executor.submit(fail_particularly))
        with pytest.raises((KeyError, RuntimeError), match=r"'odd', <unlocked _thread.lock"):
            result_of(executor.submit(fail_with_a_lock))
        assert result_of(executor.submit(double, 1)) == 2


@others
def test_a_result_that_cannot_be_sent_is_an_error_of_its_job(opened: Opened) -> None:
    with opened() as executor:
        with pytest.raises(Exception, match="pickle"):
            result_of(executor.submit(return_a_lock))
        assert result_of(executor.submit(double, 1)) == 2


@others
def test_the_first_that_is_done_is_known_first(opened: Opened, tmp_path: Path) -> None:
    with opened() as executor:
        slow = executor.submit(wait_for, tmp_path / "go", tmp_path / "slow")
        quick = executor.submit(double, 1)
        assert wait([slow, quick], PATIENCE, FIRST_COMPLETED).done == {quick}
        (tmp_path / "go").touch()
        assert str(result_of(slow)) == lines(tmp_path / "slow")[0]


@survivors
def test_a_worker_that_is_killed_loses_its_own_job_alone(opened: Opened, tmp_path: Path) -> None:
    with opened() as executor:
        lost, other = (executor.submit(wait_for, tmp_path / "go", tmp_path / name) for name in ("lost", "other"))
        lines(tmp_path / "other")
        os.kill(int(lines(tmp_path / "lost")[0]), signal.SIGKILL)
        raised = lost.exception(PATIENCE)
        assert isinstance(raised, WorkerLost)
        assert re.match(
            r"its process was ended by SIGKILL|its Dask worker tcp|its job \d+ ended without", raised.reason
        )
        assert raised.is_fault_of_job
        assert not other.done()
        assert result_of(executor.submit(double, 2)) == 4
        (tmp_path / "go").touch()
        assert str(result_of(other)) == lines(tmp_path / "other")[0]


@survivors
def test_a_job_that_ends_its_process_is_not_done_again_by_itself(opened: Opened, tmp_path: Path) -> None:
    with opened() as executor:
        assert isinstance(executor.submit(kill_itself_once, tmp_path / "mark").exception(PATIENCE), WorkerLost)
        assert result_of(executor.submit(kill_itself_once, tmp_path / "mark")) == "done"
        with pytest.raises(
            WorkerLost, match=r"its process ended with status 3|its Dask worker tcp:\S+ is gone|its job \d+ ended"
        ):
            result_of(executor.submit(end_process, 3))


def test_a_job_that_is_canceled_makes_room_or_is_done(opened: Opened, tmp_path: Path) -> None:
    with opened() as executor:
        if isinstance(executor, InThisProcess):
            (tmp_path / "go").touch()
        future = executor.submit(wait_for, tmp_path / "go", tmp_path / "started")
        lines(tmp_path / "started")
        if future.cancel():
            assert wait([future], PATIENCE).done == {future}
            assert lines(tmp_path / "started", 2)[1] == "KeyboardInterrupt"
            assert [result_of(executor.submit(double, number)) for number in (1, 2)] == [2, 4]
        else:
            (tmp_path / "go").touch()
            assert result_of(future) == int(lines(tmp_path / "started")[0])


@others
def test_nothing_runs_on_after_an_interrupt(opened: Opened, tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), opened() as executor:
        futures = [executor.submit(wait_for, tmp_path / "go", tmp_path / name) for name in ("one", "two")]
        pids = [int(lines(tmp_path / name)[0]) for name in ("one", "two")]
        raise KeyboardInterrupt
    assert wait(futures, PATIENCE).not_done == set()
    if isinstance(executor, Processes):
        assert not [pid for pid in pids if is_alive(pid)]
    else:  # clusters go on without the jobs
        assert [lines(tmp_path / name, 2)[1] for name in ("one", "two")] == ["KeyboardInterrupt"] * 2
    with opened() as executor:
        assert result_of(executor.submit(double, 1)) == 2


@others
def test_a_shutdown_may_wait_for_jobs(opened: Opened, tmp_path: Path) -> None:
    with opened() as executor:
        future = executor.submit(wait_for, tmp_path / "go", tmp_path / "started")
        lines(tmp_path / "started")
        (tmp_path / "go").touch()
        executor.shutdown()
        assert future.done()
        assert str(result_of(future)) == lines(tmp_path / "started")[0]


COORDINATOR = """\
import sys
from pathlib import Path

from support.executor_tasks import wait_for

from archbuilder.executors.executor import open_executor
from archbuilder.training import CPU

if __name__ == "__main__":
    folder, address = Path(sys.argv[1]), sys.argv[2] if sys.argv[2:] else None
    with open_executor(address, [CPU, CPU], 1, folder) as executor:
        executor.submit(wait_for, folder / "go", folder / "started").result()
"""


@pytest.mark.parametrize("kind", [kind for kind in OTHERS if kind != "mpi"])
def test_no_job_outlives_a_coordinator_that_is_killed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    address = address_of(kind, request)
    (tmp_path / "coordinator.py").write_text(COORDINATOR)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    command = [sys.executable, str(tmp_path / "coordinator.py"), str(tmp_path), *([address] if address else [])]
    coordinator = subprocess.Popen(command, env=environment, start_new_session=True)
    pid = int(lines(tmp_path / "started")[0])
    coordinator.kill()
    coordinator.wait()
    if address:
        assert lines(tmp_path / "started", 2)[1] == "KeyboardInterrupt"
    else:
        until(lambda: not is_alive(pid))


def test_each_process_has_a_machine_and_a_share_of_the_readers_of_its_own(opened: Opened) -> None:
    with opened() as executor:
        futures = [executor.submit(machine, CPU) for _ in range(executor.max_workers)]
        if isinstance(executor, Processes):
            assert [result_of(future).workers for future in futures] == [MACHINES[0].workers // 2, 0]
            assert [result_of(future).compiled for future in futures] == [False, True]
        else:
            assert {result_of(future) for future in futures} == {CPU}
