"""Workers are killed at twenty moments of a study: no rung is lost, none is trained twice, no trial fails."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.clusters import TESTS, cluster
from support.killed_studies import check_none_twice, leftovers, read, write
from support.tiny_studies import standing

from archbuilder.searching import run_study
from archbuilder.study import load_study

pytestmark = [
    pytest.mark.skipif(not os.environ.get("ARCHBUILDER_TESTS_FAULTS"), reason="takes minutes: make faults"),
    pytest.mark.skipif(sys.platform != "linux", reason="kills processes"),
]

MOMENTS = {"job begun", "epoch trained", "state written, not named", "state named", "job done"}
RUN = """
import multiprocessing, sys
from contextlib import nullcontext
from pathlib import Path
import torch._dynamo
from archbuilder.executors import processes
from archbuilder.searching import run, run_study
from archbuilder.study import load_study
from archbuilder.training import CPU

processes.process_context = lambda *preload: multiprocessing.get_context("fork")  # it has torch, loaded
if __name__ == "__main__":
    place = sys.argv[3]
    if place == "one process":  # which users have no use for: a study on one machine is trained by its coordinator
        run.open_executor = lambda *given: nullcontext(processes.Processes([CPU], 1))
    address = place if "://" in place else None
    run_study(load_study(sys.argv[1]), runs=Path(sys.argv[2]), machines=[CPU] * 2, executor=address)
"""


def run_with_deaths(folder: Path, path: Path, place: str, environment: dict[str, str]) -> None:
    """Run a study in a process of its own, whose workers die."""
    (folder / "run.py").write_text(RUN)
    command = [sys.executable, str(folder / "run.py"), str(path), str(folder / "runs"), place]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Give the environment of workers that die."""
    (tmp_path / "deaths").mkdir()
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
        "ARCHBUILDER_PLUGINS": str(TESTS / "support" / "dying.py"),
        "ARCHBUILDER_TESTS_DEATHS": str(tmp_path / "deaths"),
    }


def check(folder: Path, path: Path) -> None:
    """Check that workers died at all moments, and what came of it."""
    kept = folder / "runs" / "tiny-widths"
    died = Counter(one.name.split("-")[1] for one in (folder / "deaths").glob("death-*"))
    assert died.total() == 20
    assert died.keys() == MOMENTS
    trials = read(kept)
    check_none_twice(trials, path)
    assert sum(trial.is_counted for trial in trials) == 40
    assert not leftovers(kept)
    assert not list((kept / "states").iterdir())


def test_a_study_whose_worker_is_killed_at_twenty_moments_is_what_an_undisturbed_one_is(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    path = write(tmp_path)
    run_with_deaths(tmp_path, path, "one process", environment)
    check(tmp_path, path)
    run_study(load_study(path), runs=tmp_path / "undisturbed")
    assert standing(tmp_path / "runs" / "tiny-widths") == standing(tmp_path / "undisturbed" / "tiny-widths")


def test_two_processes_that_are_killed_at_twenty_moments_lose_nothing(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    path = write(tmp_path)
    run_with_deaths(tmp_path, path, "two processes", environment)
    check(tmp_path, path)


def test_dask_workers_that_are_killed_at_twenty_moments_lose_nothing(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    for name in ("ARCHBUILDER_PLUGINS", "ARCHBUILDER_TESTS_DEATHS"):
        monkeypatch.setenv(name, environment[name])
    path = write(tmp_path)
    with cluster(tmp_path / "cluster", 2) as made:
        run_with_deaths(tmp_path, path, made.address, environment)
    check(tmp_path, path)
