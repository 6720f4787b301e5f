"""Dask clusters: what is theirs alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from support.clusters import TESTS, Cluster, cluster
from support.executor_tasks import double, machine, process, wait_for
from support.patience import PATIENCE

from archbuilder import ArchbuilderError, __version__
from archbuilder.executors.executor import open_executor
from archbuilder.executors.worker import WorkerLost
from archbuilder.training import CPU
from executors.conftest import lines, until

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give a cluster of one worker, to be spoilt."""
    with cluster(tmp_path_factory.mktemp("other"), 1) as made:
        yield made


def test_a_scheduler_that_is_restarted_loses_jobs_and_takes_new_ones(other: Cluster, tmp_path: Path) -> None:
    with open_executor(other.address, [CPU], 1, tmp_path) as executor:
        lost = executor.submit(wait_for, tmp_path / "go", tmp_path / "started")
        pid = int(lines(tmp_path / "started")[0])
        other.restart_scheduler()
        raised = lost.exception(PATIENCE)
        assert isinstance(raised, WorkerLost)
        assert raised.reason == "the connection to the Dask scheduler was lost"
        assert not raised.is_fault_of_job
        assert executor.submit(process).result(PATIENCE) != pid
        assert lines(tmp_path / "started", 2)[1] == "KeyboardInterrupt"


def test_jobs_go_to_workers_with_gpus_if_some_have_any(other: Cluster, tmp_path: Path) -> None:
    with open_executor(other.address, [CPU], 1, tmp_path) as executor:
        without = executor.submit(process).result(PATIENCE)
        assert executor.submit(machine, CPU).result(PATIENCE) == CPU
        other.add_worker("--resources", "GPU=1", "--nthreads", "2")
        until(lambda: "GPU" in str(executor._cluster._client.scheduler_info()))  # type: ignore[attr-defined]
        assert executor.max_workers == 1
        jobs = [executor.submit(process) for _ in range(4)]
        assert without not in {job.result(PATIENCE) for job in jobs}
        there = executor.submit(machine, CPU)
        if torch.cuda.is_available():
            assert there.result(PATIENCE).device.type == "cuda"
        else:
            with pytest.raises(ArchbuilderError, match="device 'cuda:0' is not available"):
                there.result(PATIENCE)


def test_a_cluster_without_the_packages_is_an_error_that_says_so(tmp_path: Path) -> None:
    made = Cluster(tmp_path, python_path=(TESTS.parent,))
    try:
        with open_executor(made.address, [CPU], 1, tmp_path) as executor:
            message = (
                r"^Dask cannot do jobs: ModuleNotFoundError: No module named 'support'\n  workers need archbuilder "
            )
            with pytest.raises(ArchbuilderError, match=message + __version__):
                executor.submit(double, 1).result(PATIENCE)
    finally:
        made.stop()


@pytest.mark.parametrize("address", ["dask://127.0.0.1:1", "dask://host:port"])
def test_a_scheduler_that_does_not_answer_is_an_error(address: str, tmp_path: Path) -> None:
    from archbuilder.executors.dask_cluster import DaskCluster  # noqa: PLC0415 - only where Dask is installed

    message = rf"^--executor: no Dask scheduler answers at {address.replace('dask', 'tcp')}: "
    with pytest.raises(ArchbuilderError, match=message):
        DaskCluster(address, tmp_path, patience=0.1)
