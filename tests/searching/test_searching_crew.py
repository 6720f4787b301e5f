"""Processes that train, and that are lost."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.patience import PATIENCE
from support.tiny_studies import NO_FINALS, SPEC, STUDY, write_digits, write_study

from archbuilder.searching import EpochEnded, Event, Outcome, read_result, run_study
from archbuilder.searching.opening import read_stored
from archbuilder.study import load_study
from archbuilder.training import CPU

TEXT = (
    STUDY.replace("data: digits", "data: npz:digits.npz")
    .replace("seed: 3", "seed: 3, sampler: random, pruner: none")
    .replace("epochs: 3, batch_size: 256", "epochs: 8, batch_size: 8")
    + NO_FINALS
)


class Killer:
    """Kills all workers in the first epoch of a trial, so many times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded) and event.name != "baseline" and event.epoch == 1 and self.left:
            self.left -= 1
            for child in multiprocessing.active_children():
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows kills otherwise")
@pytest.mark.parametrize("times", [1, 2])
def test_a_trial_whose_process_is_killed_is_trained_by_another_once(tmp_path: Path, times: int) -> None:
    path = write_study(tmp_path, TEXT)
    write_digits(tmp_path / "digits.npz")
    run_study(load_study(path), runs=tmp_path, trials=1)  # and the baseline
    killer = Killer(times)
    result = run_study(load_study(path), runs=tmp_path, trials=2, observe=killer, machines=[CPU, CPU])
    assert not killer.left
    assert result.tally.counted == 2
    trial = max(result.record.counted, key=lambda trial: trial.number)
    if times == 1:
        assert trial.outcome is Outcome.FINISHED
        assert len(trial.accuracies) == 8
    else:
        assert (trial.outcome, trial.kind) == (Outcome.FAILED, "process lost")
        assert trial.reason == "its process was ended by SIGKILL"
    assert not multiprocessing.active_children()


FOLDERS = """\
import sys
from functools import partial
from pathlib import Path

from archbuilder.data import SOURCES, folder
from archbuilder.searching import run_study
from archbuilder.study import load_study
from archbuilder.training import choose_machine

# Every process that is started imports this file: none of them holds images in memory.
SOURCES["folder"] = partial(folder.load_folder, most_held=0)

if __name__ == "__main__":
    machines = [choose_machine("cpu", workers=2)] * 2
    run_study(load_study(sys.argv[1]), runs=Path(sys.argv[2]), machines=machines)
"""


def test_processes_that_train_may_have_others_read_files(tmp_path: Path) -> None:
    path = write_study(
        tmp_path,
        STUDY.replace("data: digits", "data: folder:images").replace("epochs: 3, batch_size: 256", "epochs: 1")
        + NO_FINALS,
        SPEC.replace("channels: 1, height", "channels: 3, height"),
    )
    colors = np.random.default_rng(0)
    for number in range(10):
        (tmp_path / "images" / f"class{number}").mkdir(parents=True)
        for image in range(8):
            pixels = colors.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / f"class{number}" / f"{image}.png")
    (tmp_path / "many.py").write_text(FOLDERS)
    command = [sys.executable, str(tmp_path / "many.py"), str(path), str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    result = read_result(tmp_path / "runs" / "tiny-widths")
    assert result.tally[Outcome.FINISHED] == 8


UNGUARDED = """\
import sys
from pathlib import Path

from archbuilder.searching import run_study
from archbuilder.study import load_study
from archbuilder.training import CPU

{before}
run_study(load_study(sys.argv[1]), runs=Path(sys.argv[2]), machines=[CPU, CPU])
"""


@pytest.mark.parametrize("before", ["", "assert __name__ == '__main__', 'another error'"])
def test_a_script_that_every_process_would_run_again_is_told(tmp_path: Path, before: str) -> None:
    path = write_study(tmp_path, TEXT)
    write_digits(tmp_path / "digits.npz")
    (tmp_path / "script.py").write_text(UNGUARDED.format(before=before))
    command = [sys.executable, str(tmp_path / "script.py"), str(path), str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1
    guard = 'a script must search with several workers below `if __name__ == "__main__":`, as'
    in_process = "AssertionError: another error" if before else f"ArchbuilderError: {guard}"
    assert in_process in done.stderr
    last = "its process ended with status 1 before it could train: its output is above\n"
    assert f"ArchbuilderError: {last}  if a script of yours runs this search: {guard}" in done.stderr
    left = read_stored(tmp_path / "runs" / "tiny-widths").record.trials.values()
    assert all(trial.outcome is Outcome.OPEN for trial in left)


def test_no_process_is_started_for_a_study_that_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_study(tmp_path, TEXT.replace("epochs: 8", "epochs: 1"))
    write_digits(tmp_path / "digits.npz")
    run_study(load_study(path), runs=tmp_path, trials=1)
    monkeypatch.setattr(
        "archbuilder.executors.processes.ProcessPoolExecutor", lambda *given: pytest.fail("nothing is to be done")
    )
    result = run_study(load_study(path), runs=tmp_path, trials=1, machines=[CPU, CPU])
    assert result.tally.counted == 1


def test_processes_are_sent_networks_of_blocks_of_their_own(tmp_path: Path) -> None:
    spec = SPEC.replace("layers:", OWN_BLOCK + "layers:").replace(
        "  - {name: pool,", "  - {name: own, type: twice, out: 6}\n  - {name: pool,"
    )
    text = TEXT.replace("epochs: 8", "epochs: 1").replace('"mix.*"', '"{mix,own}.*"').replace("20k", "latency: 10s")
    path = write_study(
        tmp_path, text.replace("macs: latency", "latency").replace(NO_FINALS, ""), spec.replace("in: 16", "in: 6")
    )
    write_digits(tmp_path / "digits.npz")
    result = run_study(load_study(path), runs=tmp_path, trials=3, machines=[CPU, CPU], versus_random=True)
    assert result.tally[Outcome.FINISHED] == 3
    assert all(row.test for row in result.rows)


OWN_BLOCK = """\
blocks:
  twice:
    parameters: {out: width}
    body: [{type: conv, out: $out // 2 + 1, kernel: 1}, {type: conv, out: $out, kernel: 3, padding: 1}]
"""
