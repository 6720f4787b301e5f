"""Submitit, by its processes of this machine: what is its own. `make faults` runs the contract with it."""

import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.clusters import TESTS
from support.executor_tasks import process, wait_for
from support.patience import PATIENCE

from archbuilder import ArchbuilderError, __version__
from archbuilder.executors.executor import open_executor
from archbuilder.executors.worker import WorkerLost
from archbuilder.training import CPU
from executors.conftest import lines

pytest.importorskip("submitit")
from submitit.core.utils import FailedJobError

from archbuilder.executors import submitit_cluster


def test_a_job_that_could_not_begin_is_an_error_although_it_left_no_traceback() -> None:
    def result() -> None:
        raise FailedJobError("no traceback")

    with pytest.raises(ArchbuilderError, match=r"^no traceback$"):
        submitit_cluster._result(SimpleNamespace(result=result))


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
