"""Runs that take a moment: a network of a few hundred parameters with a head and dropout, on some of the digits."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from archbuilder.data import SOURCES, Address, RawData
from archbuilder.network_spec import NetworkSpec
from archbuilder.recipe import TrainSettings
from archbuilder.runs import Event, Observer, RunResult, ignore, read_checkpoint, resume_run, train_spec

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
  - {name: drop, type: dropout, p: 0.2}
  - {name: fc, type: linear, in: 16, out: 10}
aux:
  - {name: early, after: stem, pool_kernel: 2, pool_stride: 2, channels: 4, hidden: 8}
"""
SETTINGS = TrainSettings(epochs=3, batch_size=64)
EVERYTHING = TrainSettings(
    epochs=3, batch_size=64, ema_decay=0.9, flip=True, crop=1, cutout=2, label_smoothing=0.1, clip_norm=1.0
)
STEPS = 4  # of an epoch: 208 images
_ALL = SOURCES["digits"]
SPEEDS = ("images_per_second", "seconds")


def few(address: Address) -> RawData:
    """Give every sixth of the digits: 300 images."""
    data = _ALL(address)
    return replace(data, train=data.train.take(torch.arange(0, 1797, 6)))


@contextmanager
def few_digits() -> Iterator[None]:
    """Have `digits` mean some of them."""
    with patch.dict(SOURCES, {"digits": few}):
        yield


def a_spec(text: str = SPEC) -> NetworkSpec:
    return NetworkSpec.from_text(text, "tiny.yaml")


def begin(
    folder: Path, settings: TrainSettings = SETTINGS, *, observe: Observer = ignore, data: str = "digits", **more: Any
) -> RunResult:
    with few_digits():
        return train_spec(a_spec(), data, folder, settings=settings, observe=observe, **more)


def go_on(folder: Path, observe: Observer = ignore) -> RunResult:
    with few_digits():
        return resume_run(folder, observe=observe)


def tensors(path: Path) -> dict[str, Tensor]:
    return dict(read_checkpoint(path).state.tensors)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two state dicts are equal bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def metrics(folder: Path) -> list[dict[str, float]]:
    """Give the lines of a run's metrics without its speeds."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in SPEEDS} for line in lines]


def check_equal(folder: Path, other: Path) -> None:
    """Check that two runs came to the same, bit for bit."""
    for name in ("last.safetensors", "best.safetensors"):
        one, two = read_checkpoint(folder / name), read_checkpoint(other / name)
        assert same(dict(one.state.tensors), dict(two.state.tensors)), name
        assert one.history == two.history, name
    data = [dict(read_checkpoint(each / "last.safetensors").state.data) for each in (folder, other)]
    for each in data:
        each["progress"] = {name: value for name, value in each["progress"].items() if name != "seconds"}
    assert data[0] == data[1]
    assert metrics(folder) == metrics(other)


class Recorder:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
