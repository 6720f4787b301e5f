"""Gradients, their mean and their deviation by hand and by plain loops."""

import math

import numpy as np
import pytest
import torch

import archbuilder
from archbuilder import NetworkSpec
from archbuilder.proxies import Batch, score
from proxies.tiny_networks import FC, HIDDEN, fill, headed, pixels, random_batches, two_layers

ONE_WEIGHT_A_CLASS = """
input: {channels: 1, height: 1, width: 1}
classes: 2
init: zeros
layers:
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 2}
"""


def constant(value: float, label: int) -> Batch:
    return pixels([[value], [value]]), torch.tensor([label, label])


@pytest.mark.parametrize("label", [0, 1])
def test_by_hand(label: int) -> None:
    """With weights of 0 both classes have probability 1/2, so that a weight's gradient is ±x/2.

    |g| is 1/2 and 3/2 for both weights: mean 1, deviation 1/2, ratio 2, together 4. That the second batch's label turns
    the sign of the gradient changes nothing, and the bias is not counted.
    """
    network = NetworkSpec.from_text(ONE_WEIGHT_A_CLASS).build()
    assert score("zico", network, [constant(1.0, 0), constant(3.0, label)]) == pytest.approx(math.log(4), rel=1e-6)


def test_three_batches_by_hand() -> None:
    """|g| is 1/2, 1 and 3/2: mean 1, variance (1/4 + 0 + 1/4) / 3 = 1/6, ratio sqrt(6)."""
    network = NetworkSpec.from_text(ONE_WEIGHT_A_CLASS).build()
    batches = [constant(value, 0) for value in (1.0, 2.0, 3.0)]
    assert score("zico", network, batches) == pytest.approx(math.log(2 * math.sqrt(6)), rel=1e-6)


IMAGES = [[[0.1, 0.2], [0.5, 0.3]], [[0.4, -0.1], [0.25, 0.75]], [[-0.5, 0.4], [0.3, 0.125]]]
LABELS = [[0, 1], [1, 1], [0, 0]]


def gradients_by_loops(
    images: list[list[float]], labels: list[int], fc: list[list[float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Give the gradients of mean cross entropy for `hidden` (3 x 2) and `fc` (2 x 3), by the chain rule."""
    of_hidden, of_fc = np.zeros((3, 2)), np.zeros((2, 3))
    for image, label in zip(images, labels, strict=True):
        fed = [sum(HIDDEN[h][i] * image[i] for i in range(2)) for h in range(3)]
        rectified = [max(value, 0.0) for value in fed]
        logits = [sum(fc[c][h] * rectified[h] for h in range(3)) for c in range(2)]
        total = sum(math.exp(logit) for logit in logits)
        slopes = [math.exp(logits[c]) / total - (c == label) for c in range(2)]
        for h in range(3):
            for c in range(2):
                of_fc[c, h] += slopes[c] * rectified[h] / len(images)
            back = sum(slopes[c] * fc[c][h] for c in range(2)) if fed[h] > 0 else 0.0
            for i in range(2):
                of_hidden[h, i] += back * image[i] / len(images)
    return of_hidden, of_fc


def score_by_loops(count: int, fc: list[list[float]]) -> float:
    found = [gradients_by_loops(IMAGES[batch], LABELS[batch], fc) for batch in range(count)]
    expected = 0.0
    for layer in range(2):
        total = 0.0
        for place in np.ndindex(found[0][layer].shape):
            sizes = [abs(float(found[batch][layer][place])) for batch in range(count)]
            mean = sum(sizes) / count
            variance = sum((size - mean) ** 2 for size in sizes) / count
            if variance > 0:
                total += mean / math.sqrt(variance)
        if total > 0:
            expected += math.log(total)
    return expected


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("fc", [FC, [[0.0] * 3] * 2], ids=["both layers", "nothing reaches the first"])
def test_two_layers_by_loops(count: int, fc: list[list[float]]) -> None:
    network = two_layers()
    fill(network, {"fc.weight": fc})
    batches = [(pixels(IMAGES[batch]), torch.tensor(LABELS[batch])) for batch in range(count)]
    assert score("zico", network, batches) == pytest.approx(score_by_loops(count, fc), rel=1e-6)


def test_batch_norms_use_each_batch_and_weights_alone_count() -> None:
    """The same by torch's own steps on a network with batch norms, dropout off."""
    network, batches = headed(aux=False).double(), random_batches((1, 8, 8), 4)
    network.train()
    network.get_submodule("dropout").eval()
    layers = [key for key in network.state_dict() if key.endswith("conv.weight")] + ["fc.weight"]
    assert len(layers) == 1 + 6 + 1
    found: list[dict[str, np.ndarray]] = []
    for images, labels in batches:
        network.zero_grad()
        torch.nn.CrossEntropyLoss()(network(images.double()), labels).backward()
        gradients = {key: parameter.grad for key, parameter in network.named_parameters()}
        found.append({key: np.abs(gradients[key].numpy()) for key in layers})  # type: ignore[union-attr]
    expected = 0.0
    for key in layers:
        one, other = (gradient[key] for gradient in found)
        moving = one != other
        expected += math.log(np.sum((one + other)[moving] / np.abs(one - other)[moving]))
    assert score("zico", headed(), batches) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_the_same_batch_again_is_minus_infinity(count: int) -> None:
    batch = random_batches((1, 8, 8), 4)[0]
    assert score("zico", headed(), [batch] * count) == -math.inf


def test_the_order_of_sums_changes_nothing_that_is_seen() -> None:
    """Another memory layout sums in another order, by which a score in single precision would change."""
    torch.manual_seed(0)
    network = archbuilder.load("inception_digits").build()
    batches = random_batches((1, 8, 8), 10, images=32)
    first = score("zico", network, batches)
    relaid = [(images.to(memory_format=torch.channels_last), labels) for images, labels in batches]
    assert score("zico", network, relaid) == pytest.approx(first, rel=1e-6)


def test_what_is_not_a_number_is_not_hidden() -> None:
    network = two_layers()
    with torch.no_grad():
        dict(network.named_parameters())["fc.weight"].fill_(torch.inf)
    assert math.isnan(score("zico", network, random_batches((2, 1, 1), 2)))
