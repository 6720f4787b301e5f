"""Training steps: augmentation, forward, backward, optimizer and weight average."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from archbuilder.data import Batch, Normalizer
from archbuilder.recipe import Precision, TrainSettings
from archbuilder.training.augment import flip_and_shift, resized_crops
from archbuilder.training.average import make_average
from archbuilder.training.distillation import Distillation
from archbuilder.training.distributed import Shard, distributed_data_parallel, synchronize_layers
from archbuilder.training.erase import cut_out, erase_rectangles
from archbuilder.training.freezing import freeze, frozen_tensors, keep_statistics
from archbuilder.training.image_transforms import Transform, transform_each
from archbuilder.training.loss import WeightedLabels, training_loss
from archbuilder.training.machine import Machine
from archbuilder.training.memory_format import training_memory_format
from archbuilder.training.mixing import is_mixing, mix
from archbuilder.training.optimizer import make_optimizer
from archbuilder.training.processes import Processes
from archbuilder.training.randomness import reseed
from archbuilder.training.schedule import learning_rate, set_rates
from archbuilder.training.state import PREFIX, TrainerState, optimizer_state, restore_optimizer, without_prefix

_UNAVERAGED, _OPTIMIZER, _PROJECTIONS = (f"{PREFIX}{name}/" for name in ("network", "optimizer", "projections"))


class Stepper:
    """Takes training steps, and holds all state that they change.

    Attributes:
        network: The network in training.
        evaluated: The network to evaluate: the same, or one with the moving average of its weights.
        steps: The number of steps of the training, which the schedule spans.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: TrainSettings,
        *,
        steps: int,
        normalizer: Normalizer,
        head_weights: Mapping[str, float],
        class_weights: Tensor | None,
        transform: Transform | None,
        machine: Machine,
        processes: Processes,
        pretrained: Collection[str] = (),
        distillation: Distillation | None = None,
    ) -> None:
        """Prepare for the first of `steps` steps."""
        self._settings, self._machine, self._processes, self.steps = settings, machine, processes, steps
        self._normalizer, self._head_weights, self._transform = normalizer, head_weights, transform
        self._class_weights = None if class_weights is None else class_weights.to(machine.device)
        self._shard = Shard(before=int(is_mixing(settings) and processes.count > 1))
        self._format = training_memory_format(network, machine.device)
        network.to(machine.device, memory_format=self._format)  # type: ignore[call-overload]
        self._average = make_average(network, settings.ema_decay) if settings.ema_decay else None
        if processes.count > 1:
            network = synchronize_layers(network, self._shard, machine.device)
        self.network, self._distillation = network, distillation
        self._trained: nn.Module = network if distillation is None else distillation.student
        self.evaluated: nn.Module = self._average.module if self._average else network
        if machine.compiled:
            for module in {network, self._trained}:
                module.compile()
        self._frozen, self._held = frozen_tensors(settings, network, pretrained), frozenset[str]()
        self._parallel_network: nn.Module | None = None
        self._hold(1)
        scaled = machine.precision is Precision.FLOAT16
        projections = [] if distillation is None else list(distillation.projections.parameters())
        self._optimizer = make_optimizer(network, settings, fused=not scaled, pretrained=pretrained, others=projections)
        self._scaler = torch.amp.GradScaler(machine.device.type, enabled=scaled)

    def begin(self, epoch: int) -> None:
        """Set the network to training mode, with the layers frozen that are so in an epoch, from 1."""
        self._hold(epoch)
        self.network.train()
        keep_statistics(self.network, self._held)

    def _hold(self, epoch: int) -> None:
        """Freeze the parameters that are frozen in an epoch, and release all others."""
        last = math.inf if self._settings.freeze_epochs is None else self._settings.freeze_epochs
        frozen = self._frozen if epoch <= last else frozenset[str]()
        if frozen != self._held or self._parallel_network is None:
            if frozen or self._held:
                freeze(self.network, frozen)
            self._held = frozen
            # It knows which parameters have gradients from when it was made.
            several = self._processes.count > 1
            self._parallel_network = distributed_data_parallel(self._trained) if several else self._trained

    def rate(self, number: int) -> float:
        """The learning rate of a step; the first is 0."""
        return learning_rate(number, self.steps, self._settings)

    def share(self, batch: Tensor) -> Tensor:
        """Return the indices of a batch that this process reads: its own, after the one to mix its first with."""
        start, mine = self._processes.start(len(batch)), self._processes.share(batch)
        return torch.cat([batch.roll(1)[start : start + 1], mine]) if self._shard.before else mine

    def step(self, number: int, batch: Batch, images: int, seed: int, indices: Tensor) -> Tensor:
        """Take a step.

        Args:
            number: The number of earlier steps.
            batch: The images at the indices of `share`.
            images: The number of images of the whole batch.
            seed: The seed of dropout and augmentation.
            indices: The result of `share`.

        Returns:
            The loss times the number of images, of which the sum over processes is that of the batch: a scalar in nats.
        """
        self._shard.start, self._shard.images = self._processes.start(images), images
        reseed(seed, self._machine.device)
        set_rates(self._optimizer, number, self.steps, self._settings)
        inputs, targets = self._mixed(
            self._prepared(batch.images), batch.labels.to(self._machine.device, non_blocking=True)
        )
        with self._machine.autocast():
            loss = self._loss(inputs, targets, indices)
        scaled = self._scaler.scale(loss)
        self._optimizer.zero_grad()
        scaled.backward()  # type: ignore[no-untyped-call]
        if self._settings.clip_norm:
            self._scaler.unscale_(self._optimizer)
            clip_grad_norm_(self._trained.parameters(), self._settings.clip_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        if self._average:
            self._average.update_parameters(self.network)
        return loss.detach().float() * (images / self._processes.count)

    def _loss(self, inputs: Tensor, targets: list[WeightedLabels], indices: Tensor) -> Tensor:
        """Return the loss of this process's images, of which the mean over processes is that of the batch."""
        assert self._parallel_network is not None
        output, taught = self._parallel_network(inputs), self._distillation
        features, soft_labels, share = [], None, len(inputs) * self._processes.count / self._shard.images
        if taught is not None:
            output, features = output
            said = taught.targets(inputs, indices)
            soft_labels = taught.soft_labels(said, share)
        loss = training_loss(
            output,
            targets,
            head_weights=self._head_weights,
            label_smoothing=self._settings.label_smoothing,
            class_weights=self._class_weights,
            soft_labels=soft_labels,
        )
        return loss + share * taught.feature_loss(features, said) if features and taught is not None else loss

    def _prepared(self, images: Tensor) -> Tensor:
        """Return augmented and normalized images: N x C x H x W, float32, in the memory format of the training."""
        settings, shard = self._settings, self._shard
        images = images.to(self._machine.device, non_blocking=True)
        images = flip_and_shift(resized_crops(images, settings, shard), settings, shard)
        if self._transform is not None:
            images = transform_each(images, self._transform, shard)
        # Not `contiguous`, which leaves images of one channel as they are: oneDNN would still read channels_last.
        images = self._normalizer(images).to(memory_format=self._format)
        return erase_rectangles(cut_out(images, settings, shard), settings, shard)

    def _mixed(self, images: Tensor, labels: Tensor) -> tuple[Tensor, list[WeightedLabels]]:
        """Return this process's images, mixed if so set, and their targets."""
        if not is_mixing(self._settings):
            return images, [self._target(labels, 1.0)]
        if self._shard.before:
            others, other_labels, images, labels = images[:-1], labels[:-1], images[1:], labels[1:]
        else:
            others, other_labels = images.roll(1, 0), labels.roll(1, 0)
        mixed, share = mix(images, others, self._settings)
        return mixed, [self._target(labels, share), self._target(other_labels, 1 - share)]

    def _target(self, labels: Tensor, weight: float) -> WeightedLabels:
        """Return a target, weighted so that the mean over processes is the loss of the whole batch.

        Gradients are averaged over the processes, whose parts may differ by an image, and by the weights of classes.
        """
        count = self._processes.count
        if self._class_weights is None or count == 1:
            return WeightedLabels(labels, weight * (len(labels) * count / self._shard.images))
        mine = self._class_weights[labels].sum()
        return WeightedLabels(labels, weight * count * mine / self._processes.sum(mine.clone()))

    def load_average(self) -> None:
        """Load the averaged weights, if any, into the network."""
        if self._average:
            self.network.load_state_dict(self._average.module.state_dict())

    def state(self) -> TrainerState:
        """Return the state that determines further steps; its tensors are not copies."""
        remembered, groups = optimizer_state(self._optimizer)
        tensors = dict(self.evaluated.state_dict())
        tensors |= {f"{_OPTIMIZER}{key}": value for key, value in remembered.items()}
        if self._average:
            tensors |= {f"{_UNAVERAGED}{key}": value for key, value in self.network.state_dict().items()}
        if self._distillation:
            projections = self._distillation.projections.state_dict()
            tensors |= {f"{_PROJECTIONS}{key}": value for key, value in projections.items()}
        data: dict[str, Any] = {
            "optimizer": groups,
            "scaler": self._scaler.state_dict(),
            "averaged": int(self._average.n_averaged) if self._average else 0,
        }
        return TrainerState(tensors, data)

    def restore(self, state: TrainerState) -> None:
        """Restore the state of another stepper with the same network and settings."""
        self.evaluated.load_state_dict(state.weights)
        if self._average:
            self.network.load_state_dict(without_prefix(_UNAVERAGED, state.tensors))
            self._average.n_averaged.fill_(state.data["averaged"])
        if self._distillation:
            self._distillation.projections.load_state_dict(without_prefix(_PROJECTIONS, state.tensors))
        restore_optimizer(self._optimizer, without_prefix(_OPTIMIZER, state.tensors), state.data["optimizer"])
        if state.data["scaler"] and self._scaler.is_enabled():  # otherwise the precision has changed
            self._scaler.load_state_dict(dict(state.data["scaler"]))
