"""The overhead of a trial besides its training: propose, project onto the budget, count and record."""

import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import create_trial

from archbuilder.errors import Source
from archbuilder.executors.executor import InThisProcess
from archbuilder.searching.candidates import Candidates
from archbuilder.searching.events import ignore
from archbuilder.searching.loop import SearchLoop
from archbuilder.searching.opening import open_stored
from archbuilder.searching.run import run_study
from archbuilder.searching.samplers import distributions, sampler_of
from archbuilder.searching.stored import StoredStudy
from archbuilder.storage import quiet_optuna
from archbuilder.study.hyperparameters import Value
from archbuilder.study.reading import read_study
from archbuilder.study.study import Study
from archbuilder.training import CPU
from archbuilder.trials.jobs import Job, OnEpoch
from archbuilder.trials.pool import Pool
from archbuilder.trials.trial import Outcome, TrialRecord

STUDY = """\
name: overhead
spec: googlenet
space: {"inception*.*": {scale: [0.25, 2.0], multiple_of: 8}}
budget: {macs: 60%}
objective: {maximize: python}
search: {trials: 100000, pruner: none}
"""

WORKERS = """\
name: workers
spec: inception_digits
data: digits
space: {"inception*.*": {scale: [0.5, 2.0], multiple_of: 4}}
budget: {macs: {target: 100%, within: 1%}}
train: {epochs: 5, batch_size: 64}
search: {trials: 16, sampler: random, pruner: none, threads: 1}
finals: {candidates: 0}
"""


@dataclass(frozen=True)
class Overhead:
    """What was measured.

    Attributes:
        widths: How many widths are searched.
        before: How many trials there were.
        ours: Seconds of a trial of archbuilder, the median.
        bare: Seconds of a trial of Optuna alone, the median.
        ratio: The median of the ratios, trial by trial.
    """

    widths: int
    before: int
    ours: float
    bare: float
    ratio: float


def measure_overhead(before: int = 1000, trials: int = 40) -> Overhead:
    """Time trials of both in turn, with the same sampler and storage, after as many earlier trials."""
    study = read_study(Source("overhead.yaml", STUDY))
    with tempfile.TemporaryDirectory() as folder, quiet_optuna():
        bare = _bare(Path(folder) / "bare.log", study, before)
        with open_stored(study, Path(folder) / "ours") as stored:
            fill(stored, before)
            turns = _Alternating(bare, study)
            pool = Pool(InThisProcess(), stored.folder, turns.run)
            loop = SearchLoop(stored, pool, Candidates(stored), ignore)
            turns.left = time.perf_counter()
            loop.run(before + trials)
    own = turns.own[1:]  # the first one waits for what is made once
    return Overhead(
        widths=len(study.space.width_names),
        before=before,
        ours=median(own),
        bare=median(turns.theirs[1:]),
        ratio=median(a / b for a, b in zip(own, turns.theirs[1:], strict=True)),
    )


def measure_workers(pairs: int = 3) -> tuple[float, float, float]:
    """Time a search by one process and by two, of one thread each, start and end included.

    Returns:
        The medians of the seconds with one and with two, and the median of the ratios of two to one.
    """
    study = read_study(Source("workers.yaml", WORKERS))
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for pair in range(pairs):
        for count in (1, 2) if pair % 2 else (2, 1):
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                run_study(study, runs=Path(folder), machines=[CPU] * count)
                seconds[count].append(time.perf_counter() - started)
    ratios = [two / one for one, two in zip(seconds[1], seconds[2], strict=True)]
    return median(seconds[1]), median(seconds[2]), median(ratios)


class _Alternating:
    """Rates a candidate at once, and lets Optuna alone have a trial meanwhile."""

    def __init__(self, bare: optuna.Study, study: Study) -> None:
        self.left = 0.0
        self.own: list[float] = []
        self.theirs: list[float] = []
        self._bare, self._distributions = bare, distributions(study.space)

    def run(self, job: Job, on_epoch: OnEpoch) -> None:
        """Let Optuna alone have a trial, and score this one."""
        self.own.append(time.perf_counter() - self.left)
        started = time.perf_counter()
        trial = self._bare.ask(self._distributions)
        self._bare.tell(trial, _score(trial.params))
        self.theirs.append(time.perf_counter() - started)
        self.left = time.perf_counter()
        on_epoch(1, 0.5)


def _score(values: object) -> float:
    return zlib.crc32(str(values).encode()) % 1000 / 1000


def _candidates(study: Study, count: int) -> list[dict[str, Value]]:
    draws = np.random.default_rng(0)
    hyperparameters = study.space.width_parameters
    return [
        {parameter.name: parameter.values[int(draws.integers(len(parameter.values)))] for parameter in hyperparameters}
        for _ in range(count)
    ]


def _bare(path: Path, study: Study, count: int) -> optuna.Study:
    storage = JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
    found = optuna.create_study(storage=storage, direction="maximize", sampler=sampler_of("tpe", 0, 0))
    ways = distributions(study.space)
    for values in _candidates(study, count):
        found.add_trial(create_trial(params=values, distributions=ways, value=_score(values)))
    return found


def fill(stored: StoredStudy, count: int) -> None:
    """Write a baseline and as many random trials, each with a score."""
    cost = stored.study.baseline_cost
    for number, values in enumerate(
        [stored.study.space.values_of(stored.study.spec), *_candidates(stored.study, count)]
    ):
        assert values is not None
        trial = TrialRecord(number, values, cost, bracket=number)
        stored.add(trial, values)
        stored.train(trial.number, (_score(values),), 0.0)
        stored.end(trial.number, Outcome.FINISHED if number else Outcome.BASELINE)
