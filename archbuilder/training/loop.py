import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from archbuilder.errors import ArchbuilderError
from archbuilder.training.batches import batches_of
from archbuilder.training.data import DataSplits, ImageSet
from archbuilder.training.evaluation import evaluate
from archbuilder.training.loss import training_loss
from archbuilder.training.optimiser import one_cycle
from archbuilder.training.settings import TrainSettings


class TrainingDiverged(ArchbuilderError):  # noqa: N818 - it names what happened
    """The loss is no longer a number, so there is nothing left to follow downhill."""


@dataclass(frozen=True)
class EpochResult:
    """What one epoch came to.

    Attributes:
        epoch: Its number; the first is 1.
        train_loss: The mean over the epoch's images, auxiliary heads and label smoothing included, in nats.
        validation_loss: Mean cross entropy of the logits alone, in nats.
        validation_accuracy: From 0 to 1.
        seconds: Wall time of training and validation together. It is no part of equality: two runs of the same
            seed give equal results at different speeds.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    seconds: float = field(compare=False)


@dataclass(frozen=True)
class TrainResult:
    """What a training came to.

    Attributes:
        epochs: One result an epoch, in order; at least one.
        stopped: Whether `on_epoch` asked to stop.
    """

    epochs: tuple[EpochResult, ...]
    stopped: bool

    @property
    def last(self) -> EpochResult:
        """The last epoch, which describes the network as it was left; an earlier one may have scored higher."""
        return self.epochs[-1]


def train(
    network: nn.Module,
    data: DataSplits,
    settings: TrainSettings,
    *,
    head_weights: Mapping[str, float],
    seed: int,
    on_epoch: Callable[[EpochResult], bool | None],
) -> TrainResult:
    """Train a network in place; it is left in evaluation mode, its convolutions in channels_last memory format.

    The same network, data, settings and seed give the same weights on one machine, bit for bit. The seed decides the
    order of the images and what dropout drops; the caller's random state is left alone.

    Args:
        network: Takes N x C x H x W. In training mode it gives logits, N x classes, or a named tuple of `logits` and
            the auxiliary heads by name; in evaluation mode, logits.
        data: Trained on `train`, measured on `validation`; the test split stays closed.
        settings: Epochs, batch size, learning rate and the like.
        head_weights: The loss weight of every auxiliary head by its name; empty for a network without heads.
        seed: Decides all that is random.
        on_epoch: Called after each epoch; training stops when it returns True.

    Raises:
        TrainingDiverged: A loss is infinite or not a number.
        ArchbuilderError: `head_weights` does not name the network's heads.
    """
    # channels_last ran small inception networks 1.4 to 1.9 times faster on a CPU.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = ImageSet(data.train.images.contiguous(memory_format=torch.channels_last), data.train.labels)
    steps = settings.epochs * len(batches_of(torch.arange(len(images)), settings.batch_size))
    optimiser, schedule = one_cycle(network, settings, steps=steps)
    trainer = _Trainer(network, optimiser, schedule, head_weights, settings)
    order = torch.Generator().manual_seed(seed)  # apart from dropout, so that networks see the images in one order
    results: list[EpochResult] = []
    stopped = False
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for epoch in range(1, settings.epochs + 1):
            started = time.perf_counter()
            shuffled = torch.randperm(len(images), generator=order)
            train_loss = trainer.run_epoch(epoch, images, batches_of(shuffled, settings.batch_size))
            validation = evaluate(network, data.validation, settings.batch_size)
            trainer.check_finite(validation.loss, f"validation loss after epoch {epoch}")
            seconds = time.perf_counter() - started
            results.append(EpochResult(epoch, train_loss, validation.loss, validation.accuracy, seconds))
            if on_epoch(results[-1]):
                stopped = True
                break
    network.eval()
    return TrainResult(tuple(results), stopped)


@dataclass(frozen=True)
class _Trainer:
    """What a step of training needs and what it changes."""

    network: nn.Module
    optimiser: Optimizer
    schedule: LRScheduler
    head_weights: Mapping[str, float]
    settings: TrainSettings

    def run_epoch(self, epoch: int, images: ImageSet, batches: list[Tensor]) -> float:
        """Take one step a batch; give the mean loss over the images."""
        self.network.train()
        total = 0.0
        for step, indices in enumerate(batches, start=1):
            batch = images.take(indices)
            loss = training_loss(
                self.network(batch.images),
                batch.labels,
                head_weights=self.head_weights,
                label_smoothing=self.settings.label_smoothing,
            )
            value = loss.item()
            self.check_finite(value, f"training loss in epoch {epoch}, step {step} of {len(batches)}")
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.schedule.step()
            total += value * len(indices)
        return total / len(images)

    def check_finite(self, loss: float, what: str) -> None:
        """Raise if a loss is infinite or not a number."""
        if not math.isfinite(loss):
            rate, peak = self.optimiser.param_groups[0]["lr"], self.settings.learning_rate
            raise TrainingDiverged(
                f"the {what} is {loss} at a learning rate of {rate:.3g} (the peak is {peak:.3g}); "
                "try a lower learning_rate, or batch norm after the convolutions"
            )
