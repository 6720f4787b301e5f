"""A study that is killed at any moment keeps what is finished, repeats none of it, and leaves nothing running."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.killed_studies import TEXT, check_kept, check_none_twice, leftovers, read, write
from support.patience import PATIENCE
from support.tiny_studies import standing

from archbuilder import ArchbuilderError
from archbuilder.searching import TrialRecord, run_study
from archbuilder.searching.opening import read_stored
from archbuilder.study import load_study
from archbuilder.training import CPU

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc, and kills them")

CHILD = """
import sys
from pathlib import Path
from archbuilder.searching import run_study
from archbuilder.study import load_study
from archbuilder.training import CPU

def tell(event):
    print(type(event).__name__, flush=True)

if __name__ == "__main__":
    run_study(load_study(sys.argv[1]), runs=Path(sys.argv[2]), observe=tell, machines=[CPU] * int(sys.argv[3]))
"""
MANY = """
import multiprocessing, os, sys, traceback
from pathlib import Path
import torch._dynamo
from archbuilder.executors import processes
from archbuilder.searching import run_study
from archbuilder.study import load_study
from archbuilder.training import CPU

def tell(event):
    print(type(event).__name__, getattr(getattr(event, "trial", None), "outcome", ""), flush=True)

processes.process_context = lambda *preload: multiprocessing.get_context("fork")
if __name__ == "__main__":
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            status = 1
            try:
                machines = [CPU] * int(sys.argv[3])
                run_study(load_study(sys.argv[1]), runs=Path(sys.argv[2]), observe=tell, machines=machines)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        print("pid", pid, flush=True)
        print("gone", os.waitpid(pid, 0)[1], flush=True)
"""  # torch, and what its first training imports, is loaded once, not for every life of the study and of its workers
KILLS = 20


def write_scripts(folder: Path, text: str = TEXT) -> Path:
    (path := write(folder, text)).with_name("child.py").write_text(CHILD)
    path.with_name("many.py").write_text(MANY)
    return path


@contextmanager
def started(path: Path, runs: Path, machines: int, name: str = "child.py") -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, str(path.parent / name), str(path), str(runs), str(machines)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def children_of(pid: int) -> set[int]:
    """Give all processes that descend from one."""
    found = set[int]()
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if parent == pid:
                found |= {int(place.name), *children_of(int(place.name))}
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


_END = 60.0  # seconds in which processes end whose search is gone, however busy the machine is


def wait_for_end(pids: set[int]) -> None:
    until = time.monotonic() + _END
    while any(map(is_alive, pids)):
        assert time.monotonic() < until, "a process outlived the one that started it"
        time.sleep(0.02)


def kill_once(mother: subprocess.Popen[str], moments: random.Random, most: int) -> bool:
    """Start a study and kill it at a random moment; see that its processes end. Give whether it was killed.

    Args:
        mother: Starts it.
        moments: Draws the moment.
        most: Of how many events it is to come after one.
    """
    assert mother.stdin is not None
    assert mother.stdout is not None
    mother.stdin.write("again\n")
    mother.stdin.flush()
    pid = int(mother.stdout.readline().split()[1])
    events = moments.randint(1, most)
    while events:
        line = mother.stdout.readline()
        if line.startswith("gone"):
            assert line == "gone 0\n"
            return False
        events -= 1
    time.sleep(moments.uniform(0, 0.05))
    pids = children_of(pid)
    os.kill(pid, signal.SIGKILL)
    while not (line := mother.stdout.readline()).startswith("gone"):
        pass
    wait_for_end(pids)  # one that is just being started ends when it has come so far as to look
    return line == f"gone {int(signal.SIGKILL)}\n"


def survive(folder: Path, machines: int) -> tuple[Path, int]:
    """Kill a study again and again, then let it end; give its folder and how many kills came before its end."""
    path, moments = write_scripts(folder), random.Random(f"kills {machines}")
    kept = folder / "runs" / "tiny-widths"
    before: list[TrialRecord] = []
    kills = 0
    with started(path, folder / "runs", machines, "many.py") as mother:
        for _ in range(KILLS):
            kills += kill_once(mother, moments, 16 // machines**2)
            now = read(kept)
            check_kept(before, now)
            before = now
    run_study(load_study(path), runs=folder / "runs")
    check_kept(before, read(kept))
    check_none_twice(read(kept), path)
    assert not leftovers(kept)
    assert not list((kept / "states").iterdir())
    assert len(read_stored(kept).record.counted) == 40
    return kept, kills


def test_a_study_killed_at_twenty_moments_is_what_an_uninterrupted_one_is(tmp_path: Path) -> None:
    kept, kills = survive(tmp_path / "killed", 1)
    assert kills == KILLS
    path = write_scripts(tmp_path / "whole")
    run_study(load_study(path), runs=tmp_path / "whole" / "runs")
    found, expected = standing(kept), standing(tmp_path / "whole" / "runs" / "tiny-widths")
    assert found[:-1] == expected[:-1]
    assert found[-1] in {1, 2}  # it may have been killed while the test split was open


def test_a_study_on_two_processes_killed_at_twenty_moments_loses_nothing(tmp_path: Path) -> None:
    _, kills = survive(tmp_path, 2)
    assert kills == KILLS


def test_two_processes_end_with_a_study_and_give_what_one_gives(tmp_path: Path) -> None:
    path = write_scripts(tmp_path, TEXT.replace("trials: 40", "trials: 6, pruner: none"))
    with started(path, tmp_path / "two", 2) as child:
        output, errors = child.communicate(timeout=PATIENCE)
        assert child.returncode == 0, errors
        assert not errors
        assert output.count("TrialEnded") == 6
    run_study(load_study(path), runs=tmp_path / "one", machines=[CPU])
    key = load_study(path).pricer.key
    one, two = (
        {key(trial.values): trial.accuracies for trial in read(tmp_path / name / "tiny-widths")}
        for name in ("one", "two")
    )
    # Every network is trained from the same seed, wherever that is.
    assert one.keys() & two.keys()
    assert all(one[common] == two[common] for common in one.keys() & two.keys())
    assert len(two) == len(read(tmp_path / "two" / "tiny-widths"))


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_ends_the_command_with_status_130_and_it_goes_on(tmp_path: Path, workers: int) -> None:
    path = write_scripts(tmp_path, TEXT.replace("trials: 40", "trials: 5"))
    command = [sys.executable, "-m", "archbuilder", "search", str(path), "--runs", str(tmp_path), "--device", "cpu"]
    command += ["--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(4)]
        pids = children_of(child.pid)
        child.send_signal(signal.SIGTERM)
        output, errors = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130, (lines, output, errors)
    assert "run the same command to resume" in output
    assert not errors
    wait_for_end(pids)
    before = read(tmp_path / "tiny-widths")
    assert before
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    check_kept(before, read(tmp_path / "tiny-widths"))
    assert len(read_stored(tmp_path / "tiny-widths").record.counted) == 5


def test_two_processes_cannot_run_one_study(tmp_path: Path) -> None:
    path = write_scripts(tmp_path)
    with started(path, tmp_path, 1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(ArchbuilderError, match=rf"is already running, in process {child.pid}; wait for it"):
            run_study(load_study(path), runs=tmp_path)
        assert is_alive(child.pid)
