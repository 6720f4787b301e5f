"""Weight initialization by name, measured on a layer with many weights."""

import math
from typing import Any

import pytest
import torch
from torch import nn

import archbuilder

TEXT = """
input: {{channels: 3, height: 8, width: 8}}
classes: 500
init: {init}
layers:
  - {{name: conv1, type: conv, out: 64, kernel: 3, norm: batch, bias: true}}
  - {{name: conv2, type: conv, out: 300, kernel: 3, bias: true}}
  - {{name: flatten, type: flatten}}
  - {{name: fc, type: linear, out: 500}}
"""


def build(init: str, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return archbuilder.NetworkSpec.from_text(TEXT.format(init=init)).build()


def spread(tensor: torch.Tensor) -> float:
    return tensor.detach().double().std().item()


def test_pytorch_is_each_layers_own_default() -> None:
    network = build("pytorch")
    torch.manual_seed(0)
    by_hand = [nn.Conv2d(3, 64, 3), nn.Conv2d(64, 300, 3), nn.Linear(300 * 16, 500)]
    built = [network.conv1.conv, network.conv2.conv, network.fc]
    for mine, reference in zip(built, by_hand, strict=True):
        torch.testing.assert_close(mine.weight, reference.weight, rtol=0, atol=0)
        torch.testing.assert_close(mine.bias, reference.bias, rtol=0, atol=0)


def test_kaiming_is_he_normal_by_fan_out_and_normal_for_linear() -> None:
    network = build("kaiming")
    assert spread(network.conv2.conv.weight) == pytest.approx(math.sqrt(2 / (300 * 9)), rel=0.02)
    assert spread(network.fc.weight) == pytest.approx(0.01, rel=0.02)
    assert all(not module.bias.any() for module in (network.conv1.conv, network.conv2.conv, network.fc))


def test_truncated_normal() -> None:
    network = build("truncated_normal")
    assert spread(network.conv2.conv.weight) == pytest.approx(0.01, rel=0.02)
    assert spread(network.fc.weight) == pytest.approx(0.01, rel=0.02)
    bound = 1 / math.sqrt(4800)  # a linear layer's bias is uniform within 1 / sqrt(in), as PyTorch has it
    assert network.fc.bias.abs().max().item() == pytest.approx(bound, rel=0.05)


@pytest.mark.parametrize("init", ["pytorch", "kaiming", "truncated_normal"])
def test_norms_start_as_the_identity_and_a_seed_repeats(init: str) -> None:
    network, twin, other = build(init), build(init), build(init, seed=1)
    norm = network.conv1.bn
    assert (norm.weight == 1).all()
    assert not norm.bias.any()
    assert not norm.running_mean.any()
    assert (norm.running_var == 1).all()
    assert norm.num_batches_tracked == 0
    state = twin.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())
    assert not torch.equal(network.fc.weight, other.fc.weight)


@pytest.mark.parametrize("init", ["pytorch", "kaiming", "truncated_normal"])
def test_building_without_initialization_draws_no_random_number(init: str) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    network = archbuilder.NetworkSpec.from_text(TEXT.format(init=init)).build(initialized=False)
    assert torch.equal(torch.get_rng_state(), before)
    assert (network.get_submodule("conv1.bn").weight == 1).all()  # type: ignore[union-attr]
