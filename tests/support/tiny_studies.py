"""Studies that run in a second: a network of a few hundred parameters, an epoch or two on some of the digits."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from archbuilder.data import SOURCES, RawData
from archbuilder.data.address import Address, parse_address
from archbuilder.searching import EpochEnded, Event, Observer, StudyResult, TrialEnded, TrialRecord, run_study
from archbuilder.searching.events import ignore
from archbuilder.searching.opening import read_stored
from archbuilder.searching.result import result_of
from archbuilder.study import Study, load_study
from archbuilder.training import CPU, Machine

_ALL_DIGITS = SOURCES["digits"]

SPEC = """\
# a comment to keep
name: tiny
input: {channels: 1, height: 8, width: 8}
classes: 10
conv: {norm: batch, activation: relu}
layers:
  - {name: stem, type: conv, out: 4, kernel: 3, stride: 2, padding: 1} # and another
  - {name: mix, type: inception, in: 4, 1x1: 4, 3x3red: 4, 3x3: 4, 5x5red: 4, 5x5: 4, pool_proj: 4}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, in: 16, out: 10}
"""

STUDY = """\
name: tiny-widths
spec: tiny.yaml
data: digits
space:
  "mix.*": {scale: [0.5, 3.0], multiple_of: 2}
budget: {macs: 20k}
train: {epochs: 3, batch_size: 256}
search: {trials: 8, seed: 3, threads: 1}
"""
NO_FINALS = "finals: {candidates: 0}\n"
ONE_FINAL = "finals: {candidates: 1, seeds: 1}\n"


def write_study(folder: Path, study: str = STUDY, spec: str = SPEC) -> Path:
    """Write a study and its spec; give the study's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(spec)
    path = folder / "study.yaml"
    path.write_text(study)
    return path


def a_study(folder: Path, study: str = STUDY, spec: str = SPEC) -> Study:
    return load_study(write_study(folder, study, spec))


@cache
def _few() -> RawData:
    digits = _ALL_DIGITS(parse_address("digits", None, known=SOURCES.keys()))
    return replace(digits, train=digits.train.take(torch.arange(0, 1797, 6)))


def few_digits(address: Address) -> RawData:
    """Give every sixth of the digits: 300 images."""
    return _few()


def write_digits(path: Path) -> None:
    """Write the few digits as a file, for processes in which they cannot be put in the place of all."""
    images = _few().train
    (batch,) = images.batches([torch.arange(len(images))])
    np.savez(path, images=batch.images.squeeze(1).numpy(), labels=batch.labels.numpy())


def run(
    study: Study,
    runs: Path,
    trials: int | None = None,
    observe: Observer = ignore,
    machines: Sequence[Machine] = (CPU,),
    **more: Any,
) -> tuple[StudyResult, list[TrialRecord]]:
    """Run a study on a few of the digits; give its result and the trials that came to an end or a pause meanwhile."""
    ended: list[TrialRecord] = []

    def watch(event: Event) -> None:
        if isinstance(event, TrialEnded):
            ended.append(event.trial)
        observe(event)

    with patch.dict(SOURCES, {"digits": few_digits}):
        return run_study(study, runs=runs, trials=trials, observe=watch, machines=machines, **more), ended


class AfterEpochs:
    """Interrupts when so many epochs have been trained."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            self._left -= 1
            if not self._left:
                raise KeyboardInterrupt


Outline = list[tuple[Any, ...]]


def outline(trials: Sequence[TrialRecord]) -> Outline:
    """Give what must be equal of the trials of two runs of one study: all but times."""
    return [
        (
            trial.number,
            dict(trial.values),
            dict(trial.cost),
            str(trial.outcome),
            trial.accuracies,
            tuple((rung.epochs, rung.order) for rung in trial.rungs),
            (trial.step, trial.bracket, trial.projected, trial.donor),
            trial.same_as,
            trial.reason,
            trial.kind,
        )
        for trial in trials
    ]


def kept(folder: Path) -> Outline:
    """Give the outline of the trials that a folder keeps."""
    return outline(list(read_stored(folder).record.trials.values()))


def standing(folder: Path) -> tuple[Any, ...]:
    """Give all that must be equal of two runs of one study: trials, baseline, finals and files."""
    result = result_of(read_stored(folder))
    rows = [(row.name, row.seeds, row.validation, row.test) for row in result.rows]
    best = {number: path.read_text() for number, path in result.best_specs.items()}
    return kept(folder), result.baseline.accuracies, rows, best, result.images, result.test_openings
