"""The loop: images in, steps taken, a network that has learned."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from archbuilder.data import DataSplits
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import TrainSettings
from archbuilder.training.batches import batches_of
from archbuilder.training.evaluation import Evaluation, evaluate
from archbuilder.training.machine import CPU, Machine
from archbuilder.training.processes import ALONE, Processes
from archbuilder.training.results import EpochResult, StepResult, TrainingDiverged
from archbuilder.training.seeds import ORDER, STEP, derived_seed
from archbuilder.training.state import Progress, TrainerState
from archbuilder.training.stepper import Stepper, own_randomness

Watcher = Callable[[StepResult], bool | None]


class Trainer:
    """Trains a network in place, one epoch at a time.

    The same network, data, settings and seed give the same weights on one machine, bit for bit on a CPU. All that is
    random in a step follows from the seed and the number of the step, so that a training that resumes from its state
    becomes what it would have become. The caller's random state is left alone; but it is the process's, so that no two
    trainers may run in threads of one process.

    Attributes:
        network: The network that learns.
        measured: The network that is measured: that one, or the moving average of its weights.
        progress: How far it has come.
        evaluation: How `measured` did after the last epoch that this trainer ended; None before.
    """

    def __init__(
        self,
        network: nn.Module,
        data: DataSplits,
        settings: TrainSettings,
        *,
        head_weights: Mapping[str, float],
        seed: int,
        machine: Machine = CPU,
        processes: Processes = ALONE,
    ) -> None:
        """Get ready for the first step.

        Args:
            network: Takes N x C x H x W. In training mode it gives logits, N x classes, or a named tuple of `logits`
                and the auxiliary heads by name; in evaluation mode, logits.
            data: Trained on `train`, measured on `validation`; the test split stays closed.
            settings: Epochs, batch size, learning rate and the like.
            head_weights: The loss weight of every auxiliary head by its name; empty for a network without heads.
            seed: Decides the order of the images, what dropout drops and how images are augmented.
            machine: Device and precision.
            processes: Who else trains the same network, each with its part of every batch.

        Raises:
            ArchbuilderError: There are fewer images than processes, or augmentation leaves nothing of an image.
        """
        if min(len(data.train), len(data.validation), settings.batch_size) < processes.count:
            found = f"found {len(data.train)} training images, {len(data.validation)} validation images and batches of "
            need = f"{processes.count} processes need at least one image each of every split and batch"
            raise ArchbuilderError(f"{need}: {found}{settings.batch_size}; start fewer processes")
        _check_augmentation(settings, data.train.shape)
        self._settings, self._seed, self._machine, self._processes = settings, seed, machine, processes
        self._train, self._validation = data.train.to(machine.device), data.validation.to(machine.device)
        self._normalizer = data.normalizer
        self._stepper = Stepper(
            network,
            settings,
            steps=settings.epochs * len(self._batches(torch.arange(len(data.train)))),
            normalizer=data.normalizer,
            head_weights=head_weights,
            machine=machine,
            processes=processes,
        )
        self.network, self.measured = self._stepper.network, self._stepper.measured
        self.progress = Progress()
        self.evaluation: Evaluation | None = None

    def run_epoch(self, watch: Watcher = lambda step: None) -> EpochResult | None:
        """Go on to the end of the epoch, and measure.

        Args:
            watch: Called after each step; the epoch is left unfinished, to be resumed, when it returns True.

        Returns:
            The result of the epoch; None if it was left unfinished.

        Raises:
            TrainingDiverged: A loss is infinite or not a number.
            ArchbuilderError: `head_weights` does not name the network's heads.
        """
        progress, before, started = self.progress, self.progress.seconds, time.perf_counter()
        with own_randomness(self._machine.device):
            finished = self._take_steps(watch)
            progress.seconds = before + time.perf_counter() - started
            if not finished:
                return None
            self.evaluation = self.measure()
        epoch = progress.epochs + 1
        self._check_finite(self.evaluation.loss, f"validation loss after epoch {epoch}", self._last_rate)
        self.progress = Progress(epochs=epoch)
        return EpochResult(
            epoch=epoch,
            train_loss=progress.loss / progress.images,
            validation_loss=self.evaluation.loss,
            validation_accuracy=self.evaluation.accuracy,
            learning_rate=self._last_rate,
            images_per_second=progress.images / progress.seconds,
            seconds=progress.seconds + self.evaluation.seconds,
        )

    def measure(self) -> Evaluation:
        """Measure `measured` on the validation images."""
        return evaluate(
            self.measured,
            self._validation,
            self._normalizer,
            self._settings.batch_size,
            machine=self._machine,
            processes=self._processes,
        )

    def load_average(self) -> None:
        """Load the evaluated weights into the network, and leave it in evaluation mode."""
        self._stepper.load_average()
        self.network.eval()

    def state(self) -> TrainerState:
        """Return the state from which the training resumes; its tensors are not copies."""
        state = self._stepper.state()
        return replace(state, data={**state.data, "progress": asdict(self.progress)})

    def restore(self, state: TrainerState) -> None:
        """Go on from where another trainer of the same network, data, settings and seed was.

        With more epochs than that one had, the learning rate is from here on what the longer training has at this step.
        """
        self._stepper.restore(state)
        self.progress = Progress(**state.data["progress"])

    def _batches(self, indices: Tensor) -> list[Tensor]:
        return batches_of(indices, self._settings.batch_size, least=max(2, self._processes.count))

    def _take_steps(self, watch: Watcher) -> bool:
        """Take the steps that the epoch still has; give whether none is left."""
        self.network.train()
        progress, epoch = self.progress, self.progress.epochs + 1
        order = torch.Generator().manual_seed(derived_seed(self._seed, ORDER, epoch))
        batches = self._batches(torch.randperm(len(self._train), generator=order))
        todo = batches[progress.steps :]
        shares = [self._processes.share(batch) for batch in todo]
        taken: list[_Taken] = []
        asked_to_stop = False
        for whole, batch in zip(todo, self._train.batches(shares, workers=self._machine.workers), strict=True):
            number = progress.epochs * len(batches) + progress.steps
            self._last_rate = self._stepper.rate(number)
            seed = derived_seed(self._seed, STEP, epoch, progress.steps)
            loss = self._stepper.step(number, batch, len(whole), seed)
            progress.steps += 1
            progress.images += len(whole)
            taken.append(_Taken(loss, len(whole), self._last_rate, f"epoch {epoch}, step {progress.steps}"))
            asked_to_stop |= bool(watch(StepResult(epoch, progress.steps, len(batches), len(whole))))
            last = progress.steps == len(batches)
            if last or progress.steps % self._machine.looks_every == 0:
                stop = self._look(taken, asked_to_stop, len(batches))
                taken = []
                if stop and not last:
                    return False
        return True

    def _look(self, taken: list["_Taken"], asked_to_stop: bool, steps: int) -> bool:
        """Add up the losses of steps; give whether any of the processes was asked to stop."""
        asked = torch.tensor(float(asked_to_stop), device=self._machine.device)
        sums = self._processes.total(torch.stack([*(step.loss for step in taken), asked])).tolist()
        for step, loss in zip(taken, sums, strict=False):
            self._check_finite(loss / step.images, f"training loss in {step.place} of {steps}", step.rate)
            self.progress.loss += loss
        return bool(sums[-1])

    def _check_finite(self, loss: float, what: str, rate: float) -> None:
        """Raise if a loss is infinite or not a number."""
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the {what} is {loss} at a learning rate of {rate:.3g} (the peak is {self._settings.peak_rate:.3g}); "
                "try a lower learning_rate, or batch norm after the convolutions"
            )


def _check_augmentation(settings: TrainSettings, shape: tuple[int, int, int]) -> None:
    """Check that something of every image is left."""
    most = min(shape[1:]) - 1
    for name, value in (("crop", settings.crop), ("cutout", settings.cutout)):
        if value > most:
            raise ArchbuilderError(f"{name} {value}: images are {shape[1]} x {shape[2]}, expected at most {most}")


class _Taken(NamedTuple):
    """A step whose loss has not been read yet."""

    loss: Tensor
    images: int
    rate: float
    place: str
