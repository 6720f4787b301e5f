"""The training loop beside the plain one of PyTorch's tutorials: `python -m benchmarks.training`."""

import copy
import time
from statistics import median
from typing import NamedTuple

import torch

import archbuilder
from archbuilder.data import ImageSet, load_data
from archbuilder.recipe import TrainSettings
from archbuilder.training import Trainer, evaluate
from benchmarks.tutorial_loop import TutorialLoop

DATA = "idx:/usr/share/datasets/fashion-mnist"  # Debian's package dataset-fashion-mnist
EPOCHS = 4
_WHY = """\
Nine tenths of the loop are the network's own forward and backward pass, where channels_last gains a factor of 1.3 to
1.4 on this network. By torch's profiler its batch norms, 13 of 30 of fewer than 16 channels, take 1.6 times as long
forward and 1.4 times backward with two threads as with one in this layout. Tried on 2026-11-24, and not enough:
memory that is kept between steps (no gain), norms on one thread (none), norms over wider views of the same memory
(8 %), threads that wait actively (none)."""


class Compared(NamedTuple):
    """What came out."""

    images: int
    mine: float
    theirs: float
    ratio: float
    my_accuracy: float
    their_accuracy: float

    def lines(self) -> list[str]:
        faster = "" if self.ratio >= 1.8 else " **not met**"
        apart = 100 * abs(self.my_accuracy - self.their_accuracy)
        as_good = "" if apart <= 0.5 else " **not met**"
        return [
            f"Training `inception_small_28` on Fashion-MNIST for {EPOCHS} epochs of {self.images:,} images in batches "
            f"of 128, by AdamW and one cycle: {self.mine * 1e6:.0f} us an image, and {self.theirs * 1e6:.0f} us by the "
            "plain loop of PyTorch's tutorials (a DataLoader over a data set object, the default memory layout) with "
            f"the same initial weights, epoch by epoch in turn. The median ratio is {self.ratio:.2f} (bound: at least "
            f"1.8){faster}; test accuracy {100 * self.my_accuracy:.2f} and {100 * self.their_accuracy:.2f} %, "
            f"{apart:.2f} points apart (bound: 0.5){as_good}.",
            *(["", _WHY] if faster else []),
        ]


def compare_loops(epochs: int = EPOCHS) -> Compared:
    """Train the same network in both ways, an epoch each in turn."""
    data = load_data(DATA)
    assert isinstance(data.train, ImageSet)
    settings = TrainSettings(epochs=epochs, learning_rate=0.01)
    torch.manual_seed(0)
    mine = archbuilder.load("inception_small_28").build()
    theirs = copy.deepcopy(mine)
    trainer = Trainer(mine, data, settings, head_weights={}, seed=0)
    loop = TutorialLoop(theirs, data.train, data.normalizer, settings)
    my_seconds, their_seconds = [], []
    for _ in range(epochs):
        result = trainer.run_epoch()
        assert result is not None
        my_seconds.append(len(data.train) / result.images_per_second)
        started = time.perf_counter()
        loop.run_epoch()
        their_seconds.append(time.perf_counter() - started)
    count, test = len(data.train), data.open_test()
    return Compared(
        images=count,
        mine=median(my_seconds) / count,
        theirs=median(their_seconds) / count,
        ratio=median(b / a for a, b in zip(my_seconds, their_seconds, strict=True)),
        my_accuracy=evaluate(mine, test, data.normalizer, 500).accuracy,
        their_accuracy=evaluate(theirs, test, data.normalizer, 500).accuracy,
    )


if __name__ == "__main__":
    print(*compare_loops().lines(), sep="\n")
