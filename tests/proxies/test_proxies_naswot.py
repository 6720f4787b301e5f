"""Codes, kernel and determinant by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from archbuilder.modules import Network
from archbuilder.proxies import score
from proxies.tiny_networks import fill, headed, pixels, random_batches, two_layers

IMAGES = [[1.0, 1.0], [1.0, -2.0], [-1.0, 1.0]]
# What the rectifier is fed: x, y and x - y.
#   ( 1,  1,  0) -> 110
#   ( 1, -2,  3) -> 101    0 is not above 0
#   (-1,  1, -2) -> 010
# Bits that agree:  3 1 2
#                   1 3 0    determinant 3 * 9 - 1 * 3 + 2 * (0 - 6) = 12
#                   2 0 3


def naswot(network: Network, images: list[list[float]]) -> float:
    return score("naswot", network, [(pixels(images), torch.zeros(len(images), dtype=torch.int64))])


@pytest.mark.parametrize("activation", ["relu", "relu6", "leaky_relu"])
def test_by_hand(activation: str) -> None:
    assert naswot(two_layers(activation=activation), IMAGES) == pytest.approx(math.log(12), rel=1e-12)


def test_labels_order_and_further_batches_count_for_nothing() -> None:
    network = two_layers()
    mixed = (pixels([IMAGES[2], IMAGES[0], IMAGES[1]]), torch.tensor([1, 0, 1]))
    assert score("naswot", network, [mixed, (pixels([[0.0, 0.0]]), torch.tensor([0]))]) == pytest.approx(math.log(12))


def test_layers_are_added() -> None:
    """A stem and the six convolutions of a block, each heard by the test's own hooks and compared bit by bit."""
    network, (batch, _) = headed(aux=False), random_batches((1, 8, 8), 4, images=5)
    codes: list[list[bool]] = [[] for _ in range(5)]

    def note(module: torch.nn.Module, args: Any, output: torch.Tensor) -> None:
        for code, bits in zip(codes, (output > 0).flatten(1).tolist(), strict=True):
            code.extend(bits)

    for module in network.modules():
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_hook(note)
    network.train()
    network.get_submodule("dropout").eval()
    network(batch[0])
    kernel = np.zeros((5, 5))
    for i in range(5):
        for j in range(5):
            kernel[i, j] = sum(one == other for one, other in zip(codes[i], codes[j], strict=True))
    assert kernel[0, 0] == (6 + 4 + 4 + 6 + 2 + 3 + 2) * 64
    expected = np.linalg.slogdet(kernel)[1]
    assert score("naswot", headed(aux=False), [batch]) == pytest.approx(expected, rel=1e-12)


def test_the_same_image_twice_is_minus_infinity() -> None:
    assert naswot(two_layers(), [*IMAGES, IMAGES[1]]) == -math.inf
    (images, labels), _ = random_batches((1, 8, 8), 4)
    twice = (torch.cat([images, images]), torch.cat([labels, labels]))
    assert score("naswot", headed(), [twice]) == -math.inf
    assert math.isfinite(score("naswot", headed(), [(images, labels)]))


def test_images_on_the_same_side_of_every_corner_are_minus_infinity() -> None:
    assert naswot(two_layers(), [[1.0, -2.0], [3.0, -1.0]]) == -math.inf


def test_too_few_bits_for_so_many_images_are_minus_infinity() -> None:
    """Three bits make eight codes, but no more than four independent rows."""
    network = two_layers()
    fill(network, {"hidden.conv.weight": [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]})
    codes = [[3.0, -1.0], [1.0, -3.0], [-1.0, 3.0], [-3.0, 1.0], [1.0, 1.0]]  # 101 100 011 010 111
    assert naswot(network, codes) == -math.inf
    assert math.isfinite(naswot(network, codes[1:]))


def test_batch_norm_uses_the_batch() -> None:
    """Less their means of 3, the images have the codes above and 000, which agrees with those in 1, 1 and 2 bits.

    What remains of them is (1, 1), (1, -2), (-1, 1.5) and (-1, -0.5). Brighter, they are the same to the norm; without
    it, everything but a difference is above 0.
    """
    values = [[4.0, 4.0], [4.0, 1.0], [2.0, 4.5], [2.0, 2.5]]
    kernel = np.array([[3, 1, 2, 1], [1, 3, 0, 1], [2, 0, 3, 2], [1, 1, 2, 3]])
    expected = math.log(np.linalg.det(kernel))
    brighter = [[8 + 2 * value for value in image] for image in values]
    for images in (values, brighter):
        assert naswot(two_layers(norm="batch"), images) == pytest.approx(expected, rel=1e-12)
    assert naswot(two_layers(), values) == -math.inf
