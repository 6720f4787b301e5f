"""Whatever kills a run, what it has saved is whole, and it becomes what it would have become."""

import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from support.forking import Forked, mother

from archbuilder.recipe import TrainSettings
from archbuilder.runs import read_checkpoint, train_spec
from runs.processes import write_inputs
from runs.tiny_runs import a_spec, check_equal, metrics

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
KILLS, SEED, EPOCHS = 10, 20150607, 120


def epochs_shown(output: Path) -> int:
    """Give how many epochs a run has said to be done."""
    lines = [line.split() for line in output.read_text().splitlines()] if output.exists() else []
    shown = [line[0] for line in lines if line and line[0].endswith(f"/{EPOCHS}")]
    return int(shown[-1].partition("/")[0]) if shown else 0


def has_come(output: Path, epochs: int) -> bool:
    return output.exists() and "run   " in output.read_text() and epochs_shown(output) >= epochs


def kill_once(start: Callable[[], Forked], output: Path, saved: int, *, early: bool, chance: random.Random) -> None:
    """Start a run and kill it at a random moment: while it starts, some epochs on, in an epoch or while it writes."""
    running = start()
    if early:
        time.sleep(chance.uniform(0.0, 0.3))
    else:
        more = chance.randint(0, 9)
        while not has_come(output, saved + more if more else 0) and not running.has_ended:
            time.sleep(0.002)
        time.sleep(chance.uniform(0.0, 0.06))
    assert not running.has_ended, output.read_text()
    running.kill()


def test_ten_kills_lose_no_more_than_the_epoch_under_way(tmp_path: Path) -> None:
    spec, data = write_inputs(tmp_path)
    settings = TrainSettings(epochs=EPOCHS, batch_size=128, ema_decay=0.9)
    train_spec(a_spec(), data, tmp_path / "whole", settings=settings)
    folder, output, chance = tmp_path / "run", tmp_path / "output.txt", random.Random(SEED)
    first = (spec, "--data", data, "--run", folder, "--epochs", EPOCHS, "--batch-size", 128, "--ema-decay", 0.9)
    saved = 0
    with mother() as forking:
        for number in range(KILLS):
            what = ("--resume", folder) if saved else first
            start = partial(forking.start, "train", *what, "--threads", "1", output=output)
            kill_once(start, output, saved, early=number % 5 == 4, chance=chance)
            shown = epochs_shown(output)
            last = folder / "last.safetensors"
            if not last.exists():
                assert (saved, shown) == (0, 0)
                continue
            now = len(read_checkpoint(last).history)
            assert now >= max(saved, shown)
            # A line may be missing or cut off, but none is ahead of what is saved.
            assert len((folder / "metrics.jsonl").read_text().splitlines()) <= now
            assert len(read_checkpoint(folder).history) <= now + 1
            saved = now
        assert saved >= KILLS  # most of them have met it at work
        assert forking.start("train", "--resume", folder, "--threads", 1, output=output).wait() == 0, output.read_text()
    check_equal(folder, tmp_path / "whole")
    assert len(metrics(folder)) == EPOCHS
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["best.safetensors", "last.safetensors", "metrics.jsonl", "run.lock", "seen.safetensors"]
