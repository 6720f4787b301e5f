"""MPI: the contract is run by a program of three processes, and a study goes on after one of them is killed."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from support.clusters import TESTS
from support.patience import PATIENCE
from support.tiny_studies import NO_FINALS, STUDY, write_digits, write_study

from archbuilder import ArchbuilderError
from archbuilder.executors.executor import open_executor
from archbuilder.searching import Outcome, read_result
from archbuilder.training import CPU
from executors.conftest import until

pytest.importorskip("mpi4py")
MPIEXEC = Path(sys.executable).parent / "mpiexec"
pytestmark = [
    pytest.mark.skipif(not MPIEXEC.exists(), reason="needs pip install mpich"),
    pytest.mark.skipif("ARCHBUILDER_TESTS_MPI" in os.environ, reason="starts MPI programs"),
]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]), "OMP_NUM_THREADS": "1"}


def mpi(*arguments: str) -> list[str]:
    return [str(MPIEXEC), "-n", "3", sys.executable, "-m", "mpi4py.futures", *arguments]


def process_of_rank(rank: int, mark: str) -> int:
    """Return the process of an MPI program that was started with `MARK=...`."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if {f"MARK={mark}", f"PMI_RANK={rank}"} <= set(path.read_text(errors="replace").split("\0")):
                return int(path.parent.name)
    raise AssertionError(f"no process of rank {rank}")


def test_the_contract_holds() -> None:
    suite = Path(__file__).with_name("test_executors_contract.py")
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts="]
    done = subprocess.run(
        mpi("-m", "pytest", *options, str(suite)),
        env={**ENVIRONMENT, "ARCHBUILDER_TESTS_MPI": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed, 3 skipped" in done.stdout  # what kills workers


def test_a_study_goes_on_after_a_process_is_killed(tmp_path: Path) -> None:
    text = STUDY.replace("data: digits", "data: npz:digits.npz").replace("epochs: 3, batch_size: 256", "epochs: 3")
    path, folder = write_study(tmp_path, text + NO_FINALS), tmp_path / "runs" / "tiny-widths"
    write_digits(tmp_path / "digits.npz")
    runs = ["--runs", str(tmp_path / "runs")]
    search = mpi("-m", "archbuilder", "search", str(path), *runs, "--executor", "mpi")
    with (tmp_path / "log").open("wb") as log:
        first = subprocess.Popen(search, env={**ENVIRONMENT, "MARK": str(tmp_path)}, stdout=log, stderr=log)
    until(lambda: first.poll() is not None or (folder / "progress" / "trial-2").exists())
    os.kill(process_of_rank(1, str(tmp_path)), signal.SIGKILL)
    assert first.wait(PATIENCE) != 0, "a program of MPI ends with any of its processes"
    done = subprocess.run(search, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    result = read_result(folder)
    assert result.tally.counted == 8
    assert not result.tally[Outcome.FAILED]
    orders = [rung.order for trial in result.record.trials.values() for rung in trial.rungs]
    assert len(orders) == len(set(orders))


def test_a_search_that_is_no_mpi_program_is_told_how_to_be_one(tmp_path: Path) -> None:
    message = r"^--executor mpi: start the search as an MPI program, such as\n  mpiexec -n 5 python -m mpi4py"
    with pytest.raises(ArchbuilderError, match=message), open_executor("mpi", [CPU], None, tmp_path):
        pass
    with (
        pytest.raises(ArchbuilderError, match=r"^--executor: found mpi:workers=4, expected mpi or mpi:gpus=1$"),
        open_executor("mpi:workers=4", [CPU], None, tmp_path),
    ):
        pass
