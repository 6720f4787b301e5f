"""Networks whose gradients oneDNN computes wrongly in channels_last are trained in the default format on a CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from support.training import all_of, noise, noise_splits
from torch import nn

from archbuilder import NetworkSpec
from archbuilder.data import DataSplits, ImageSet, Normalizer
from archbuilder.modules import Network
from archbuilder.plan.plan import Plan
from archbuilder.pruning.images import losses
from archbuilder.recipe import TrainSettings
from archbuilder.training import CPU, initial_network, train, training_memory_format

SPEC = """
name: narrow
input: {channels: CHANNELS, height: 28, width: 28}
classes: 5
conv: {norm: batch}
layers:
  - {name: stem, type: conv, out: 6, kernel: 3, padding: 1}
  - {name: down, type: conv, out: 3, kernel: 1, stride: 2}
  - {name: mean, type: spatial_mean}
  - {name: fc, type: linear, out: $classes}
"""


def given(channels: int) -> tuple[Plan, DataSplits]:
    """Give a network and images of so many channels."""
    parts = [noise(count, 28) for count in (64, 10)]
    train, validation = (ImageSet(all_of(part)[:, :channels].contiguous(), part.labels) for part in parts)
    normalizer = Normalizer((0.1,) * channels, (0.9,) * channels)
    shape = (channels, 28, 28)
    data = replace(noise_splits(), train=train, validation=validation, image_shape=shape, normalizer=normalizer)
    return NetworkSpec.from_text(SPEC.replace("CHANNELS", str(channels))).plan(), data


@contextmanager
def without_onednn() -> Iterator[None]:
    # Not `flags`, which also sets what warns on a build without Intel GPUs.
    enabled, *_ = torch.backends.mkldnn.set_flags(_enabled=False)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(_enabled=enabled)  # type: ignore[no-untyped-call]


def check_format(network: nn.Module) -> list[tuple[int, ...]]:
    """See to it that the strides of what reaches the strided convolution are noted; give the list."""
    found: list[tuple[int, ...]] = []
    strided = next(module for module in network.modules() if isinstance(module, nn.Conv2d) and module.stride == (2, 2))
    strided.register_forward_pre_hook(lambda module, images: found.append(images[0].stride()))
    return found


def weights_after(network: Network, data: DataSplits) -> dict[str, torch.Tensor]:
    settings = TrainSettings(epochs=3, batch_size=32, learning_rate=0.01)
    train(network, data, settings, head_weights={}, seed=0, on_epoch=lambda epoch: None)
    return network.state_dict()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_it_is_trained_as_without_onednn(memory_format: torch.memory_format, channels: int) -> None:
    plan, data = given(channels)
    network = initial_network(plan, 0).to(memory_format=memory_format)  # type: ignore[call-overload]
    strides = check_format(network)
    found = weights_after(network, data)
    assert set(strides[:2]) == {(6 * 784, 784, 28, 1)}  # of the two steps of an epoch, before any evaluation
    with without_onednn():
        expected = weights_after(initial_network(plan, 0), data)
    for key, value in expected.items():
        assert torch.allclose(found[key].float(), value.float(), rtol=1e-2, atol=1e-3), key


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_its_gradients_for_pruning_are_those_without_onednn(memory_format: torch.memory_format, channels: int) -> None:
    plan, data = given(channels)
    network = initial_network(plan, 0).to(memory_format=memory_format)  # type: ignore[call-overload]

    def gradients() -> list[torch.Tensor]:
        (loss,) = losses(network, data, 1, 0, CPU)
        return list(torch.autograd.grad(loss(), list(network.parameters())))

    strides = check_format(network)
    found = gradients()
    assert strides == [(6 * 784, 784, 28, 1)]
    with without_onednn():
        for one, other in zip(found, gradients(), strict=True):
            assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("convolution", "device", "expected"),
    [
        (nn.Conv2d(6, 3, 1, stride=2), "cpu", torch.contiguous_format),
        (nn.Conv2d(6, 3, 1, stride=(1, 2)), "cpu", torch.contiguous_format),
        (nn.Conv2d(32, 32, 1, stride=2, groups=4), "cpu", torch.contiguous_format),
        (nn.Conv2d(6, 3, 1, stride=2), "cuda", torch.channels_last),
        (nn.Conv2d(16, 3, 1, stride=2), "cpu", torch.channels_last),
        (nn.Conv2d(6, 3, 1), "cpu", torch.channels_last),
        (nn.Conv2d(6, 3, 3, stride=2), "cpu", torch.channels_last),
    ],
)
def test_which_networks_these_are(convolution: nn.Module, device: str, expected: torch.memory_format) -> None:
    assert training_memory_format(nn.Sequential(convolution), torch.device(device)) is expected
