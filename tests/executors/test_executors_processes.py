"""Processes of this machine: what is theirs alone."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.executor_tasks import double, process, wait_for
from support.patience import PATIENCE

from archbuilder.executors.executor import InThisProcess
from archbuilder.executors.processes import Processes
from archbuilder.training import CPU
from executors.conftest import MACHINES, is_alive, lines, until


@pytest.fixture
def executor() -> Iterator[Processes]:
    with Processes(MACHINES, 1) as made:
        yield made
        made.shutdown(cancel_futures=True)


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interrupt_passes_through_this_process() -> None:
    with pytest.raises(KeyboardInterrupt):
        InThisProcess().submit(interrupt)


def test_more_jobs_than_processes_are_an_error(executor: Processes, tmp_path: Path) -> None:
    for name in ("one", "two"):
        executor.submit(wait_for, tmp_path / "go", tmp_path / name)
    with pytest.raises(RuntimeError, match="each of the 2 processes has a job"):
        executor.submit(double, 1)


def test_a_process_that_is_killed_while_it_has_no_job_is_followed_by_another(executor: Processes) -> None:
    first = executor.submit(process).result(PATIENCE)
    assert executor.submit(process).result(PATIENCE) == first
    os.kill(first, signal.SIGKILL)
    until(lambda: not is_alive(first))
    until(lambda: executor._slots[0]._pool is not None and executor._slots[0]._pool._broken)
    assert executor.submit(process).result(PATIENCE) not in (first, os.getpid())


def test_the_number_of_a_process_that_has_ended_is_not_killed(
    executor: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = executor.submit(process).result(PATIENCE)
    os.kill(first, signal.SIGKILL)
    until(lambda: executor._slots[0]._process is not None and executor._slots[0]._process.exitcode is not None)
    killed: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, number: killed.append(group))
    executor.shutdown(cancel_futures=True)
    assert first not in killed


@pytest.mark.skipif(sys.platform == "win32", reason="a signal of terminals")
def test_processes_leave_the_interrupt_of_a_terminal_to_the_coordinator(executor: Processes, tmp_path: Path) -> None:
    future = executor.submit(wait_for, tmp_path / "go", tmp_path / "started")
    pid = int(lines(tmp_path / "started")[0])
    os.kill(pid, signal.SIGINT)
    assert os.getpgid(pid) == pid  # nor do processes that read files for it hear of it
    (tmp_path / "go").touch()
    assert future.result(PATIENCE) == pid


def test_no_process_is_started_for_no_job() -> None:
    with Processes([CPU, CPU], 1) as executor:
        assert executor.max_workers == 2
        assert all(slot._process is None for slot in executor._slots)
