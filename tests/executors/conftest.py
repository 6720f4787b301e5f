"""One suite for every executor, each with two workers; that of MPI is run by `test_executors_mpi.py`."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.clusters import TESTS, Cluster, cluster
from support.patience import PATIENCE
from support.slurm import HAS_SLURM, slurm

from archbuilder.executors.executor import JobExecutor, open_executor
from archbuilder.training import CPU

OTHERS = ["processes", "dask"]
"""The executors whose jobs are done in other processes; submitit takes minutes, as each of its jobs imports torch."""
if "ARCHBUILDER_TESTS_MPI" in os.environ:  # this is the MPI program
    OTHERS = ["mpi"]
elif os.environ.get("ARCHBUILDER_TESTS_FAULTS"):
    OTHERS.append("slurm" if HAS_SLURM else "submitit")  # the same adapter, whose jobs are processes without Slurm
EVERY = OTHERS if OTHERS == ["mpi"] else ["this process", *OTHERS]
MACHINES = [replace(CPU, workers=6), replace(CPU, compiled=True)]
Opened = Callable[[], AbstractContextManager[JobExecutor]]


@pytest.fixture(scope="package")
def slurm_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a Slurm cluster of this machine."""
    with slurm(tmp_path_factory.mktemp("slurm")) as address:
        yield address


@pytest.fixture(scope="package")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give a cluster of two workers."""
    pytest.importorskip("distributed")
    with cluster(tmp_path_factory.mktemp("cluster"), 2) as made:
        yield made


def address_of(kind: str, request: pytest.FixtureRequest) -> str | None:
    """Return the address of an executor with two workers."""
    if kind == "dask":
        return str(request.getfixturevalue("dask").address)
    if kind in ("submitit", "slurm"):
        pytest.importorskip("submitit")
        monkeypatch = request.getfixturevalue("monkeypatch")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS.parent), str(TESTS)]))
        return str(request.getfixturevalue("slurm_address")) if kind == "slurm" else "local:workers=2"
    return "mpi" if kind == "mpi" else None


@pytest.fixture(params=EVERY)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Give what opens an executor; with two threads a job."""
    address = address_of(request.param, request)

    @contextmanager
    def opened() -> Iterator[JobExecutor]:
        machines = MACHINES[: 1 if request.param == "this process" else 2]
        with open_executor(address, machines, 2, tmp_path / "study") as executor:
            if request.param == "dask":  # a worker that was killed is being started again
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
