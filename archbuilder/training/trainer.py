"""The trainer: runs the epochs of a training, one at a time."""

import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace

import torch
from torch import Tensor, nn

from archbuilder.data import DataSplits
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import TrainSettings, smallest_batch, steps_per_epoch
from archbuilder.training.batches import batches_of, order_of_epoch
from archbuilder.training.checks import check_settings
from archbuilder.training.distillation import distillation_of
from archbuilder.training.evaluation import Evaluation, evaluate
from archbuilder.training.image_transforms import image_transform
from archbuilder.training.loss import class_weights
from archbuilder.training.machine import CPU, Machine
from archbuilder.training.processes import ALONE, Processes
from archbuilder.training.randomness import isolated_randomness
from archbuilder.training.results import EpochResult, StepResult, TrainingDiverged, UnreadStep
from archbuilder.training.seeds import ORDER, STEP, derived_seed
from archbuilder.training.state import Progress, TrainerState
from archbuilder.training.stepper import Stepper
from archbuilder.training.teacher import Teacher

Watcher = Callable[[StepResult], bool | None]


class Trainer:
    """Trains a network in place, one epoch at a time.

    The same network, data, settings and seed give the same weights on one machine, bit for bit on a CPU. The
    randomness of a step is determined by the seed and the number of the step, so that a resumed training gives the same
    result. The caller's random state is restored; as it belongs to the process, only one trainer may run at a time.

    Attributes:
        network: The network in training.
        evaluated: The network to evaluate: the same, or one with the moving average of its weights.
        progress: The number of finished epochs and steps.
        evaluation: The evaluation after the last epoch of this trainer; None before.
        cached_bytes: The bytes of what the teacher says of all training images, computed once; None without a teacher,
            and where it runs with every batch.
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
        pretrained: Collection[str] = (),
        teacher: Teacher | None = None,
    ) -> None:
        """Prepare for the first step.

        Args:
            network: Takes N x C x H x W. In training mode it returns logits, N x classes, or a named tuple of `logits`
                and the auxiliary heads by name; in evaluation mode, logits.
            data: The data set: `train` and `validation` are used, the test split is not.
            settings: Epochs, batch size, learning rate and so on.
            head_weights: The loss weight of every auxiliary head by its name; empty for a network without heads.
            seed: The seed of the order of images, dropout and augmentation.
            machine: Device and precision.
            processes: The processes that train the network together, each with a part of every batch.
            pretrained: The keys of the state dict that were loaded, to which `backbone_lr` and `freeze_epochs` refer.
            teacher: The teacher of the settings, as `load_teacher` reads it.

        Raises:
            ArchbuilderError: There are fewer images than processes; augmentation leaves nothing of an image, does not
                suit the images or needs a package; mean, standard deviation or class weights do not fit the data; or
                what is to be frozen is not there or is everything.
        """
        if min(len(data.train), len(data.validation), settings.batch_size) < processes.count:
            found = f"found {len(data.train)} training images, {len(data.validation)} validation images and batches of "
            need = f"{processes.count} processes need at least one image each of every split and batch"
            raise ArchbuilderError(f"{need}: {found}{settings.batch_size}; start fewer processes")
        check_settings(settings, data)
        data = data.normalized_by(settings.mean, settings.std)
        transform = image_transform(settings, data.train, data.normalizer.mean)
        self._settings, self._seed, self._machine, self._processes = settings, seed, machine, processes
        self._train, self._validation = data.train.to(machine.device), data.validation.to(machine.device)
        self._normalizer, self.progress = data.normalizer, Progress()
        self._distillation = distillation_of(
            *(teacher, network, data, settings),
            seed=seed,
            machine=machine,
            processes=processes,
            sees_all=self._total_steps() >= self._steps_of_epoch(),
        )
        self.cached_bytes = None if self._distillation is None else self._distillation.cached_bytes
        self._stepper = Stepper(
            network,
            settings,
            steps=self._total_steps(),
            normalizer=data.normalizer,
            head_weights=head_weights,
            class_weights=class_weights(data.train.labels, data.classes, settings),
            transform=transform,
            machine=machine,
            processes=processes,
            pretrained=pretrained,
            distillation=self._distillation,
        )
        self.network, self.evaluated = self._stepper.network, self._stepper.evaluated
        self.evaluation: Evaluation | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all epochs are finished, or `max_steps` are taken."""
        return self.progress.before >= self._stepper.steps

    def run_epoch(self, watch: Watcher = lambda step: None) -> EpochResult | None:
        """Run to the end of the epoch, and evaluate.

        Args:
            watch: Called after each step; if it returns True, the epoch stays unfinished, to be resumed.

        Returns:
            The result of the epoch; None if it was left unfinished.

        Raises:
            TrainingDiverged: A loss is infinite or not a number.
            ArchbuilderError: `head_weights` does not name the network's heads, or `max_steps` are taken already.
        """
        progress, before, called = self.progress, self.progress.seconds, time.perf_counter()
        with isolated_randomness(self._machine.device):
            if self._distillation is not None:
                self._distillation.begin()
            started = time.perf_counter()
            finished = self._take_steps(watch)
            progress.seconds = before + time.perf_counter() - started
            if not finished:
                return None
            self.evaluation = self.measure()
        epoch = progress.epochs + 1
        self._check_finite(self.evaluation.loss, f"validation loss after epoch {epoch}", self._last_rate)
        self.progress = Progress(epochs=epoch, before=progress.before + progress.steps)
        return EpochResult(
            epoch=epoch,
            train_loss=progress.loss / progress.images,
            validation_loss=self.evaluation.loss,
            validation_accuracy=self.evaluation.accuracy,
            learning_rate=self._last_rate,
            images_per_second=progress.images / progress.seconds,
            seconds=progress.seconds + self.evaluation.seconds + started - called,
        )

    def measure(self) -> Evaluation:
        """Evaluate `evaluated` on the validation images."""
        return evaluate(
            self.evaluated,
            self._validation,
            self._normalizer,
            self._settings.batch_size,
            machine=self._machine,
            processes=self._processes,
        )

    def load_average(self) -> None:
        """Load the averaged weights, if any, into the network, and set it to evaluation mode."""
        self._stepper.load_average()
        self.network.eval()

    def state(self) -> TrainerState:
        """Return the state from which the training resumes; its tensors are not copies."""
        state = self._stepper.state()
        return replace(state, data={**state.data, "progress": asdict(self.progress)})

    def restore(self, state: TrainerState) -> None:
        """Restore the state of another trainer with the same network, data, settings and seed.

        With more epochs than before, the learning rate continues as in the longer training at this step.
        """
        self._stepper.restore(state)
        saved = state.data["progress"]
        self.progress = Progress(**{"before": saved["epochs"] * self._steps_of_epoch(), **saved})
        self._stepper.steps = self._total_steps()

    def _total_steps(self) -> int:
        """Return the number of steps of the whole training."""
        settings, progress = self._settings, self.progress
        total = progress.before + (settings.epochs - progress.epochs) * self._steps_of_epoch()
        return total if settings.max_steps is None else min(total, settings.max_steps)

    def _steps_of_epoch(self) -> int:
        """Return the number of steps of a whole epoch."""
        return steps_per_epoch(len(self._train), self._settings.batch_size, processes=self._processes.count)

    def _batches_of_epoch(self, epoch: int) -> list[Tensor]:
        """Return the batches of an epoch as indices of images; with `max_steps` the last epoch has fewer."""
        settings, seed = self._settings, derived_seed(self._seed, ORDER, epoch)
        order = order_of_epoch(self._train.labels, balanced=settings.balanced_sampling, seed=seed)
        batches = batches_of(order, settings.batch_size, least=smallest_batch(self._processes.count))
        if settings.max_steps is None:
            return batches
        if self.is_complete:
            raise ArchbuilderError(f"max_steps: all {settings.max_steps:,} steps are taken")
        return batches[: self._stepper.steps - self.progress.before]

    def _take_steps(self, watch: Watcher) -> bool:
        """Take the remaining steps of the epoch; return whether it was finished."""
        progress, epoch = self.progress, self.progress.epochs + 1
        self._stepper.begin(epoch)
        batches = self._batches_of_epoch(epoch)
        todo = batches[progress.steps :]
        shares = [self._stepper.share(batch) for batch in todo]
        taken: list[UnreadStep] = []
        asked_to_stop = False
        read = self._train.batches(shares, workers=self._machine.workers)
        for whole, indices, batch in zip(todo, shares, read, strict=True):
            number = progress.before + progress.steps
            self._last_rate = self._stepper.rate(number)
            seed = derived_seed(self._seed, STEP, epoch, progress.steps)
            loss = self._stepper.step(number, batch, len(whole), seed, indices)
            progress.steps += 1
            progress.images += len(whole)
            taken.append(UnreadStep(loss, len(whole), self._last_rate, f"epoch {epoch}, step {progress.steps}"))
            asked_to_stop |= bool(watch(StepResult(epoch, progress.steps, len(batches), len(whole))))
            last = progress.steps == len(batches)
            if last or progress.steps % self._machine.steps_between_reads == 0:
                stop = self._read_losses(taken, asked_to_stop, len(batches))
                taken = []
                if stop and not last:
                    return False
        return True

    def _read_losses(self, taken: list[UnreadStep], asked_to_stop: bool, steps: int) -> bool:
        """Read and sum the losses of steps; return whether any process was asked to stop."""
        asked = torch.tensor(float(asked_to_stop), device=self._machine.device)
        sums = self._processes.sum(torch.stack([*(step.loss for step in taken), asked])).tolist()
        for step, loss in zip(taken, sums, strict=False):
            self._check_finite(loss / step.images, f"training loss in {step.place} of {steps}", step.rate)
            self.progress.loss += loss
        return bool(sums[-1])

    def _check_finite(self, loss: float, what: str, rate: float) -> None:
        """Raise `TrainingDiverged` if a loss is infinite or not a number."""
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the {what} is {loss} at a learning rate of {rate:.3g} (the peak is {self._settings.peak_rate:.3g}); "
                "try a lower learning_rate, or batch norm after the convolutions"
            )
