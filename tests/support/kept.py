"""Studies that are kept on disk, run once for all tests that look at them."""

import atexit
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import torch

from archbuilder.data import SOURCES
from archbuilder.network_spec import NetworkSpec
from archbuilder.searching import Event, TrialEnded, run_study
from archbuilder.searching.library import search
from archbuilder.study import load_study
from support.tiny_studies import few_digits

SPEC = """\
name: tiny
input: {channels: 1, height: 8, width: 8}
classes: 10
conv: {norm: batch, activation: relu}
layers:
  - {name: stem, type: conv, out: 4, kernel: 3, stride: 2, padding: 1}
  - {name: mix, type: inception, in: 4, 1x1: 4, 3x3red: 4, 3x3: 4, 5x5red: 4, 5x5: 4, pool_proj: 4}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, in: 16, out: 10}
"""
_SPACE = """\
spec: tiny.yaml
data: digits
space:
  "mix.*": {scale: [0.5, 3.0], multiple_of: 2}
train: {epochs: 2, batch_size: 64}
"""
STUDIES = {
    "whole": "budget: {macs: 80%}\nsearch: {trials: 12, threads: 1}\nfinals: {candidates: 2, seeds: 2}\n",
    "steps": "budgets: [70%, 100%]\nsearch: {trials: 6, threads: 1}\nfinals: {candidates: 1, seeds: 2}\n",
    "scored": "budget: {}\nobjective: {maximize: naswot}\nsearch: {trials: 3, threads: 1}\n",
    "short": "budget: {macs: 20k}\nsearch: {trials: 3, threads: 1}\nfinals: {candidates: 0}\n",
    "stopped": "budget: {macs: 20k}\nsearch: {trials: 6, threads: 1, pruner: none}\n",
}
REASON = "<b>odd</b> & even"


@cache
def kept_runs() -> Path:
    """Give a folder of studies: complete ones, one that was stopped, and one with failures. It is not to be changed."""
    place = TemporaryDirectory(prefix="archbuilder-kept-")
    atexit.register(place.cleanup)
    folder = Path(place.name)
    (folder / "tiny.yaml").write_text(SPEC)
    runs = folder / "runs"
    threads = torch.get_num_threads()
    with patch.dict(SOURCES, {"digits": few_digits}):
        for name, text in STUDIES.items():
            (folder / f"{name}.yaml").write_text(f"name: {name}\n{_SPACE}{text}")
            study = load_study(folder / f"{name}.yaml")
            if name == "stopped":
                _run_until_stopped(folder / f"{name}.yaml", runs)
            else:
                run_study(study, runs=runs, versus_random=name == "whole")
    asked: list[int] = []

    def rate(spec: NetworkSpec) -> float:
        asked.append(spec.plan().macs)
        if len(asked) in {3, 5}:
            raise ValueError(REASON)
        return spec.plan().macs / 1e6

    space = {"mix.*": {"scale": [0.5, 3.0], "multiple_of": 2}}
    search(folder / "tiny.yaml", space, objective=rate, trials=5, name="rated", runs=runs)
    torch.set_num_threads(threads)
    return runs


def _run_until_stopped(path: Path, runs: Path) -> None:
    ended = []

    def watch(event: Event) -> None:
        if isinstance(event, TrialEnded):
            ended.append(event)
            if len(ended) == 3:
                raise KeyboardInterrupt

    try:
        run_study(load_study(path), runs=runs, observe=watch)
    except KeyboardInterrupt:
        return
    raise AssertionError("the study was to be stopped")
