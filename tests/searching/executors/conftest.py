"""One suite for every executor: this process, two processes, and a Dask cluster of two workers."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.clusters import Cluster, cluster

from archbuilder.searching.executors import JobExecutor, open_executor
from archbuilder.training import CPU

PATIENCE = 120.0  # seconds, however busy the machine is
MACHINES = [replace(CPU, workers=6), replace(CPU, compiled=True)]
Opened = Callable[[], AbstractContextManager[JobExecutor]]


@pytest.fixture(scope="package")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give a cluster of two workers."""
    pytest.importorskip("distributed")
    with cluster(tmp_path_factory.mktemp("cluster"), 2) as made:
        yield made


@pytest.fixture(params=["this process", "processes", "dask"])
def opened(request: pytest.FixtureRequest) -> Opened:
    """Give what opens an executor; with two threads a job."""
    address = request.getfixturevalue("dask").address if request.param == "dask" else None

    @contextmanager
    def opened() -> Iterator[JobExecutor]:
        with open_executor(address, MACHINES[: 1 if request.param == "this process" else 2], 2) as executor:
            if address:  # a worker that was killed is being started again
                until(lambda: executor.max_workers == 2)
            yield executor

    return opened


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    last = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < last, "waited in vain"
        time.sleep(0.02)


def lines(path: Path, count: int = 1) -> list[str]:
    """Wait until a file has so many lines; return them."""
    until(lambda: path.exists() and path.read_text().count("\n") >= count)
    return path.read_text().splitlines()


def is_alive(pid: int) -> bool:
    """Return whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
