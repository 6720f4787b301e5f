"""`_init_weights` does what `init:` says."""

from pathlib import Path

import pytest
import torch
from support.exported import exported_network

from archbuilder import NetworkSpec
from archbuilder.modules.initialize import initialize

TEXT = """
input: {{channels: 3, height: 8, width: 8}}
classes: 50
init: {init}
layers:
  - {{name: conv1, type: convolution, out: 64, kernel: 3, init: {own}}}
  - {{name: bn, type: batch_norm, init: zeros}}
  - {{name: up, type: transposed_convolution, out: 20, kernel: 2}}
  - {{name: conv2, type: conv, out: 30, kernel: 3, bias: true}}
  - {{name: conv3, type: conv, out: 30, kernel: 3, bias: true, init: {own}}}
  - {{name: flatten, type: flatten}}
  - {{name: fc, type: linear, out: 50}}
"""
ZERO_BIAS = [
    "kaiming",
    "{type: kaiming, mode: fan_in, distribution: uniform, nonlinearity: leaky_relu, a: 0.3}",
    "xavier",
    "{type: xavier, distribution: normal, gain: 0.5}",
    "{type: truncated_normal, std: 0.02, bias: zeros, a: -0.03, b: 0.01}",
    "{type: normal, std: 0.3}",
    "zeros",
]
OWN_BIAS = ["pytorch", "truncated_normal", "{type: kaiming, bias: pytorch}"]


@pytest.mark.parametrize("own", ["zeros", "xavier", "{type: normal, std: 0.3}"])
@pytest.mark.parametrize("init", ZERO_BIAS)
def test_the_same_random_numbers(init: str, own: str, tmp_path: Path) -> None:
    spec = NetworkSpec.from_text(TEXT.format(init=init, own=own))
    network, copy = spec.build(), exported_network(spec, tmp_path, "net")
    torch.manual_seed(1)
    initialize(network, spec.plan())
    torch.manual_seed(1)
    copy._init_weights()
    for (key, tensor), found in zip(network.state_dict().items(), copy.state_dict().values(), strict=True):
        assert torch.equal(tensor, found), key


@pytest.mark.parametrize("own", ["xavier", *OWN_BIAS])
@pytest.mark.parametrize("init", OWN_BIAS)
def test_the_same_distribution(init: str, own: str, tmp_path: Path) -> None:
    spec = NetworkSpec.from_text(TEXT.format(init=init, own=own))
    torch.manual_seed(1)
    network, copy = spec.build(), exported_network(spec, tmp_path, "net")
    for (key, tensor), found in zip(network.state_dict().items(), copy.state_dict().values(), strict=True):
        if tensor.numel() < 500:
            assert bool(tensor.any()) == bool(found.any()), key
        else:
            assert found.std().item() == pytest.approx(tensor.std().item(), rel=0.15), key
