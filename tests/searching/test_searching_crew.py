"""Processes that train, and that are lost."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from archbuilder.searching import EpochEnded, Event, Outcome, load_study, run_study
from archbuilder.training import CPU
from searching.tiny_studies import NO_FINALS, STUDY, write_digits, write_study

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
