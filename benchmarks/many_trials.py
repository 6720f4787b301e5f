"""What a study of ten thousand trials costs to open, to continue and to look at, beside one of a thousand."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from archbuilder.errors import Source
from archbuilder.searching.candidates import Candidates
from archbuilder.searching.halving import Slot
from archbuilder.searching.opening import open_stored
from archbuilder.storage import quiet_optuna
from archbuilder.study.reading import read_study
from benchmarks.searching import STUDY, fill

FEW, MANY = 1000, 10_000


class ManyTrials(NamedTuple):
    """The seconds of what is done with a study of so many trials."""

    resume: float
    propose: float
    listing: float
    show: float


_SAID = (
    "open a study to resume it",
    "propose a trial, project it onto the budget and store it",
    "`archbuilder studies list`, the whole process",
    "`archbuilder studies show`, with its report page, the whole process",
)


def measure_many_trials(trials: int) -> ManyTrials:
    """Fill a study of 54 widths with as many scored trials, and time what is done with it."""
    study = read_study(Source("overhead.yaml", STUDY))
    with tempfile.TemporaryDirectory() as runs, quiet_optuna():
        folder = Path(runs) / study.name
        with open_stored(study, folder) as stored:
            fill(stored, trials)
        started = time.perf_counter()
        with open_stored(study, folder) as stored:
            candidates = Candidates(stored)
            resume = time.perf_counter() - started
            candidates.next(Slot(0, trials + 1))  # the first one waits for what is made once
            propose = _seconds(lambda: candidates.next(Slot(0, trials + 2)))
        command = [sys.executable, "-m", "archbuilder", "studies", "--runs", runs]
        listing = _seconds(lambda: _run([*command, "list"]))
        show = _seconds(lambda: _run([*command, "show", study.name]))
    return ManyTrials(resume, propose, listing, show)


def many_trials_rows() -> list[tuple[str, float, float]]:
    """Return what is done, and its seconds with few and with many trials."""
    return list(zip(_SAID, measure_many_trials(FEW), measure_many_trials(MANY), strict=True))


def _seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _run(command: list[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


if __name__ == "__main__":
    for what, few, many in many_trials_rows():
        print(f"{what}: {few:.2f} s with {FEW:,} trials, {many:.2f} s with {MANY:,} ({many / few:.1f} times)")
