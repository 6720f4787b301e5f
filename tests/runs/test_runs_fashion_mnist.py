"""Real images, real training: Fashion-MNIST as Debian's package dataset-fashion-mnist installs it."""

import os
from pathlib import Path

import pytest

from archbuilder import NetworkSpec
from archbuilder.recipe import TrainSettings
from archbuilder.runs import evaluate_checkpoint, train_spec

FASHION = Path("/usr/share/datasets/fashion-mnist")
SPEC = """\
name: tiny_fashion
input: {channels: 1, height: 28, width: 28}
classes: 10
conv: {norm: batch, activation: relu}
layers:
  - {name: stem, type: conv, out: 8, kernel: 5, stride: 4, padding: 2}
  - {name: mix, type: inception, 1x1: 8, 3x3red: 4, 3x3: 8, 5x5red: 4, 5x5: 4, pool_proj: 4}
  - {name: pool, type: max_pool, kernel: 7}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 10}
"""


@pytest.mark.skipif(
    not FASHION.is_dir() and "ARCHBUILDER_TESTS_NEED_DATA" not in os.environ, reason="dataset-fashion-mnist is missing"
)
def test_a_tiny_network_learns_clothes(tmp_path: Path) -> None:
    spec = NetworkSpec.from_text(SPEC)
    settings = TrainSettings(epochs=1, batch_size=256)
    result = train_spec(spec, f"idx:{FASHION}", tmp_path / "run", settings=settings)
    assert result.setup.data == f"idx:{FASHION}"
    assert result.validation is not None
    assert result.validation.images == 6_000
    assert result.best.validation_accuracy > 0.75
    measured = evaluate_checkpoint(tmp_path / "run")
    assert (measured.split, measured.evaluation.images) == ("test", 10_000)
    # A thousand images a class, and about as many told right as of those that chose nothing either.
    assert measured.evaluation.confusion.sum(dim=1).tolist() == [1_000] * 10
    assert measured.evaluation.accuracy == pytest.approx(result.best.validation_accuracy, abs=0.03)
