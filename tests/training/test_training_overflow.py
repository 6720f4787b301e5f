"""Gradients of float16 that overflow: the step is skipped, the scale falls, and training goes on."""

import math

import torch
from support.training import a_network, a_trainer
from torch import Tensor

from archbuilder.recipe import Precision, TrainSettings
from archbuilder.training import Machine

# `choose_machine` refuses it, as it is slow; what scaling does is the same on every device.
FLOAT16 = Machine(torch.device("cpu"), Precision.FLOAT16)
SETTINGS = TrainSettings(epochs=2, batch_size=8, learning_rate=0.001)


def test_a_step_that_overflows_is_skipped_and_the_scale_is_halved() -> None:
    network, scales, weights = a_network(), list[float](), list[Tensor]()
    parameter = next(network.parameters())
    calls = 0

    def overflow(gradient: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return torch.full_like(gradient, math.inf) if calls == 2 else gradient

    parameter.register_hook(overflow)  # type: ignore[no-untyped-call]
    trainer = a_trainer(SETTINGS, network=network, machine=FLOAT16)

    def watch(_: object) -> None:
        scales.append(float(trainer.state().data["scaler"]["scale"]))
        weights.append(parameter.detach().clone())

    result = trainer.run_epoch(watch)
    assert result is not None
    assert math.isfinite(result.train_loss)
    assert math.isfinite(result.validation_loss)
    assert scales[1] == scales[0] / 2
    assert torch.equal(weights[1], weights[0])  # skipped
    assert not torch.equal(weights[2], weights[1])  # and on

    other = a_trainer(SETTINGS, network=a_network(), machine=FLOAT16)
    other.restore(trainer.state())
    assert other.state().data["scaler"] == trainer.state().data["scaler"]
    assert other.run_epoch() is not None
