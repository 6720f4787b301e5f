"""The flow by hand, layer by layer."""

import math

import pytest
import torch
from torch import nn

import archbuilder
from archbuilder import NetworkSpec
from archbuilder.modules import Network
from archbuilder.proxies import score
from proxies.tiny_networks import fill, pixels, two_layers

ANY = [(pixels([[3.0, -4.0]]), torch.tensor([0]))]
# |hidden| = 1 0   fed (1, 1): (1, 1, 2)     |fc| = 1   1 2     sums of columns: 1.5, 1, 5
#            0 1                                    0.5 0 3
#            1 1
# R = 1 * 1.5 + 1 * 1 + 2 * 5 = 12.5, and each of the two layers carries all of it.


def synflow(network: Network) -> float:
    return score("synflow", network, ANY)


def test_by_hand() -> None:
    assert synflow(two_layers()) == 12.5 + 12.5


@pytest.mark.parametrize("activation", ["none", "relu6", "silu", "gelu", "hardswish", "leaky_relu", "sigmoid"])
def test_activations_hand_on_what_arrives(activation: str) -> None:
    network = two_layers(activation=activation)
    fill(network, {"hidden.conv.weight": [[10.0, 0.0], [0.0, 10.0], [10.0, -10.0]]})  # above relu6's 6
    assert synflow(network) == 125 + 125


def test_biases_are_parameters_too() -> None:
    network = two_layers(bias=True)
    fill(network, {"fc.bias": [0.25, -0.5]})
    assert synflow(network) == 12.5 + 12.5 + 0.75


def test_a_batch_norm_scales_and_shifts() -> None:
    """Scales 2, -1, 0.5 and shifts 0, 1, -1 make (1, 1, 2) (2, 2, 2), of which (2, 1, 1) is the scaled part."""
    network = two_layers(norm="batch")
    fill(network, {"hidden.bn.weight": [2.0, -1.0, 0.5], "hidden.bn.bias": [0.0, 1.0, -1.0]})
    scaled = 2 * 1.5 + 1 * 1 + 1 * 5
    shifted = 0 * 1.5 + 1 * 1 + 1 * 5
    layers = {"conv": scaled, "scale": scaled, "shift": shifted, "fc": scaled + shifted}
    assert layers["fc"] == 2 * 1.5 + 2 * 1 + 2 * 5
    assert synflow(network) == sum(layers.values()) == 9 + 9 + 6 + 15


def test_signs_and_images_count_for_nothing() -> None:
    network = two_layers()
    fill(network, {"fc.weight": [[-1.0, -1.0, -2.0], [-0.5, 0.0, 3.0]]})
    other = (torch.full((5, 2, 1, 1), torch.nan), torch.zeros(5, dtype=torch.int64))
    assert score("synflow", network, [other]) == 25


RESIDUAL = """
input: {channels: 1, height: 3, width: 3}
classes: 1
conv: {norm: none, activation: relu, bias: false}
layers:
  - add:
      - [{name: branch, type: conv, out: 1, kernel: 3, padding: 1}, {type: rescale, scale: -0.5}]
      - []
  - {name: norm, type: local_response_norm, size: 1}
  - {name: group, type: group_norm, groups: 1}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 1, bias: false}
"""


def test_residual_branches_and_other_norms_by_hand() -> None:
    """A 3x3 of ones sums 4, 6 and 9 neighbors at corners, edges and the center: 49 in all, halved by the rescale."""
    network = NetworkSpec.from_text(RESIDUAL).build()
    weights = dict(network.named_parameters())
    with torch.no_grad():
        for name in ("branch.conv.weight", "fc.weight"):
            weights[name].fill_(-1.0)
    through = 49 * 0.5
    whole = through + 9
    # convolution: what passes the branch; the norm's scale and the classifier: everything; its shift is 0
    assert score("synflow", network, [(torch.zeros(1, 1, 3, 3), torch.tensor([0]))]) == through + whole + whole


def test_every_layer_of_a_chain_carries_the_same() -> None:
    text = """
input: {channels: 1, height: 6, width: 6}
classes: 3
conv: {norm: none, activation: relu, bias: false}
layers:
  - {name: a, type: conv, out: 5, kernel: 3}
  - {name: b, type: conv, out: 7, kernel: 2, stride: 2}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 3, bias: false}
"""
    torch.manual_seed(0)
    network = NetworkSpec.from_text(text).build()
    positive = NetworkSpec.from_text(text).build()
    with torch.no_grad():
        for mine, theirs in zip(positive.parameters(), network.parameters(), strict=True):
            mine.copy_(theirs.abs())
        flow = positive.double()(torch.ones(1, 1, 6, 6, dtype=torch.float64)).sum().item()
    images = torch.zeros(1, 1, 6, 6)
    assert score("synflow", network, [(images, torch.tensor([0]))]) == pytest.approx(3 * flow, rel=1e-12)


def test_a_deep_network_does_not_overflow() -> None:
    """Single precision would end at 3.4e38."""
    torch.manual_seed(0)
    network = archbuilder.load("inception_v4_timm").build()
    value = score("synflow", network, [(torch.zeros(1, 3, 75, 75), torch.tensor([0]))])
    assert torch.finfo(torch.float32).max < value < math.inf
    assert all(module.weight.dtype == torch.float32 for module in network.modules() if isinstance(module, nn.Conv2d))
