"""A network that is cut between a worker and the rest of a Dask cluster."""

from pathlib import Path

import pytest
from support.clusters import cluster
from support.executor_tasks import double, wait_for
from support.namespaces import INSIDE, NEEDED, OUTSIDE, cut, namespace
from support.patience import PATIENCE

from archbuilder.executors.executor import open_executor
from archbuilder.executors.worker import WorkerLost
from archbuilder.training import CPU
from executors.conftest import lines

pytest.importorskip("distributed")
pytestmark = NEEDED


@pytest.mark.parametrize("seconds", [10, 60])
def test_a_job_is_done_or_lost_once_whatever_the_network_does(tmp_path: Path, seconds: int) -> None:
    with namespace() as inside, cluster(tmp_path / "cluster", host=OUTSIDE) as made:
        made.add_worker(host=INSIDE, through=f"ip netns exec {inside}")
        with open_executor(made.address, [CPU], None, tmp_path) as executor:
            job = executor.submit(wait_for, tmp_path / "go", tmp_path / "started")
            pid = int(lines(tmp_path / "started")[0])
            cut(seconds)
            if seconds < 30:  # Dask's `distributed.comm.timeouts.tcp`
                (tmp_path / "go").touch()
                assert job.result(PATIENCE) == pid
            else:
                raised = job.exception(PATIENCE)
                assert isinstance(raised, WorkerLost)
                assert lines(tmp_path / "started", 2)[1] == "KeyboardInterrupt"
            assert executor.submit(double, 1).result(PATIENCE) == 2
