"""Studies that run in a second: a network of a few hundred parameters, an epoch or two on the digits."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import torch

from archbuilder.data import SOURCES, RawData
from archbuilder.data.address import Address
from archbuilder.searching import Event, Observer, Study, StudyResult, TrialEnded, TrialRecord, load_study, run_study
from archbuilder.searching.events import ignore

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


def write_study(folder: Path, study: str = STUDY, spec: str = SPEC) -> Path:
    """Write a study and its spec; give the study's path."""
    (folder / "tiny.yaml").write_text(spec)
    path = folder / "study.yaml"
    path.write_text(study)
    return path


def a_study(folder: Path, study: str = STUDY, spec: str = SPEC) -> Study:
    return load_study(write_study(folder, study, spec))


def few_digits(address: Address) -> RawData:
    """Give every sixth of the digits: 300 images."""
    digits = _ALL_DIGITS(address)
    return replace(digits, train=digits.train.take(torch.arange(0, 1797, 6)))


def run(
    study: Study, runs: Path, trials: int | None = None, observe: Observer = ignore
) -> tuple[StudyResult, list[TrialRecord]]:
    """Run a study on a few of the digits; give its result and the trials of this session."""
    ended: list[TrialRecord] = []

    def watch(event: Event) -> None:
        if isinstance(event, TrialEnded):
            ended.append(event.trial)
        observe(event)

    with patch.dict(SOURCES, {"digits": few_digits}):
        return run_study(study, runs=runs, trials=trials, observe=watch), ended


def outline(trials: list[TrialRecord]) -> list[tuple[dict[str, int], str, tuple[float, ...]]]:
    """Give what must be equal of trials that two sessions proposed: all but numbers and times."""
    return [(dict(trial.widths), str(trial.outcome), trial.accuracies) for trial in trials]
