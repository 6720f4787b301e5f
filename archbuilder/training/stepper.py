"""One step of training: forward, backward, and what it changes."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from archbuilder.data import Batch, Normalizer
from archbuilder.recipe import Precision, TrainSettings
from archbuilder.training.augment import cut_out, shifted_and_flipped
from archbuilder.training.average import averaged
from archbuilder.training.distributed import Shard, distributed_data_parallel, synchronize_layers
from archbuilder.training.loss import training_loss
from archbuilder.training.machine import Machine
from archbuilder.training.optimizer import make_optimizer
from archbuilder.training.processes import Processes
from archbuilder.training.schedule import learning_rate, set_rates
from archbuilder.training.state import OWN, TrainerState, below, optimizer_state, restore_optimizer

_RAW, _OPTIMIZER = f"{OWN}network/", f"{OWN}optimizer/"


class Stepper:
    """Takes steps and knows all that they change.

    Attributes:
        network: The network that learns.
        measured: The network that is measured: that one, or the moving average of its weights.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: TrainSettings,
        *,
        steps: int,
        normalizer: Normalizer,
        head_weights: Mapping[str, float],
        machine: Machine,
        processes: Processes,
    ) -> None:
        """Get ready for the first of so many steps."""
        self._settings, self._machine, self._processes = settings, machine, processes
        self._normalizer, self._head_weights, self._shard = normalizer, head_weights, Shard()
        # channels_last ran small inception networks 1.3 to 1.9 times faster on a CPU.
        network.to(machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = averaged(network, settings.ema_decay) if settings.ema_decay else None
        if processes.count > 1:
            network = synchronize_layers(network, self._shard, machine.device)
        self.network = network
        self.measured: nn.Module = self._average.module if self._average else network
        if machine.compiled:
            network.compile()
        self._runs = distributed_data_parallel(network) if processes.count > 1 else network
        scaled = machine.precision is Precision.FLOAT16
        self._optimizer = make_optimizer(network, settings, fused=not scaled)
        self._steps = steps
        self._scaler = torch.amp.GradScaler(machine.device.type, enabled=scaled)

    def rate(self, number: int) -> float:
        """The learning rate of a step; the first is 0."""
        return learning_rate(number, self._steps, self._settings)

    def step(self, number: int, batch: Batch, images: int, seed: int) -> Tensor:
        """Take a step.

        Args:
            number: How many were taken before.
            batch: This process's part of the batch.
            images: How many images the whole batch has.
            seed: Decides what dropout and augmentation do.

        Returns:
            The sum of the losses of this process's images, in nats: a scalar.
        """
        self._shard.start, self._shard.images = self._processes.start(images), images
        _reseed(seed, self._machine.device)
        set_rates(self._optimizer, number, self._steps, self._settings)
        labels = batch.labels.to(self._machine.device, non_blocking=True)
        shown = self._shown(batch.images)
        with self._machine.autocast():
            loss = training_loss(
                self._runs(shown),
                labels,
                head_weights=self._head_weights,
                label_smoothing=self._settings.label_smoothing,
            )
        # Gradients are averaged over the processes, whose parts may differ by an image.
        scaled = self._scaler.scale(loss * (len(labels) * self._processes.count / images))
        self._optimizer.zero_grad()
        scaled.backward()  # type: ignore[no-untyped-call]
        if self._settings.clip_norm:
            self._scaler.unscale_(self._optimizer)
            clip_grad_norm_(self.network.parameters(), self._settings.clip_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        if self._average:
            self._average.update_parameters(self.network)
        return loss.detach().float() * len(labels)

    def _shown(self, images: Tensor) -> Tensor:
        """Return images as the network takes them: N x C x H x W, float32, channels_last."""
        images = images.to(self._machine.device, non_blocking=True)
        return cut_out(
            self._normalizer(shifted_and_flipped(images, self._settings, self._shard)), self._settings, self._shard
        )

    def load_average(self) -> None:
        """Load the evaluated weights into the network."""
        if self._average:
            self.network.load_state_dict(self._average.module.state_dict())

    def state(self) -> TrainerState:
        """Return all that decides what further steps do; the tensors are those that steps change."""
        remembered, groups = optimizer_state(self._optimizer)
        tensors = dict(self.measured.state_dict())
        tensors |= {f"{_OPTIMIZER}{key}": value for key, value in remembered.items()}
        if self._average:
            tensors |= {f"{_RAW}{key}": value for key, value in self.network.state_dict().items()}
        data: dict[str, Any] = {
            "optimizer": groups,
            "scaler": self._scaler.state_dict(),
            "averaged": int(self._average.n_averaged) if self._average else 0,
        }
        return TrainerState(tensors, data)

    def restore(self, state: TrainerState) -> None:
        """Go on from where another one of the same network and settings was."""
        self.measured.load_state_dict(state.weights)
        if self._average:
            self.network.load_state_dict(below(_RAW, state.tensors))
            self._average.n_averaged.fill_(state.data["averaged"])
        restore_optimizer(self._optimizer, below(_OPTIMIZER, state.tensors), state.data["optimizer"])
        if state.data["scaler"] and self._scaler.is_enabled():  # else one of the two computed in another precision
            self._scaler.load_state_dict(dict(state.data["scaler"]))


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Leave the caller's random state alone while the body runs, and have convolutions on a GPU do the same twice."""
    devices = [] if device.type == "cpu" else [device.index or 0]
    kind = "cuda" if device.type == "cpu" else device.type
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=devices, device_type=kind))
        if device.type == "cuda":
            stack.enter_context(_same_convolutions())
        yield


@contextmanager
def _same_convolutions() -> Iterator[None]:
    """Have cuDNN choose its kernels the same way every time, and only such that add up in one order."""
    cudnn: Any = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before


def _reseed(seed: int, device: torch.device) -> None:
    """Seed the CPU and one device: `torch.manual_seed` would seed all, and own_randomness keeps the state of these."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    elif device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)
