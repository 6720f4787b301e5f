import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.training import IDENTITY, a_network, noise
from torch import Tensor, nn

from archbuilder.data import ImageSet
from archbuilder.training import Evaluation, evaluate


def of_logits(logits: Tensor, labels: Tensor, batch_size: int = 7) -> Evaluation:
    """Evaluate a network that gives these logits."""
    images = ImageSet(logits[:, None, :, None], labels)  # N x 1 x classes x 1
    return evaluate(nn.Flatten(), images, IDENTITY, batch_size)


@st.composite
def logits_and_labels(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    classes, count = draw(st.integers(2, 9)), draw(st.integers(1, 60))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    logits = torch.randn(count, classes, generator=generator) * draw(st.floats(0.1, 8.0))
    return logits, torch.randint(0, classes, (count,), generator=generator)


def slow_calibration_error(probabilities: np.ndarray, labels: list[int]) -> float:
    """On Calibration of Modern Neural Networks (Guo et al. 2017), equations 2 to 4, over 15 bins."""
    error = 0.0
    for m in range(1, 16):
        members = [n for n, row in enumerate(probabilities) if (m - 1) / 15 < row.max() <= m / 15]
        if members:
            accuracy = sum(int(probabilities[n].argmax()) == labels[n] for n in members) / len(members)
            confidence = sum(float(probabilities[n].max()) for n in members) / len(members)
            error += len(members) / len(labels) * abs(accuracy - confidence)
    return error


@given(drawn=logits_and_labels(), batch_size=st.integers(1, 70))
def test_everything_is_what_a_slow_reference_says(drawn: tuple[Tensor, Tensor], batch_size: int) -> None:
    logits, labels = drawn[0].double().numpy(), drawn[1].tolist()
    found = of_logits(*drawn, batch_size)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    count, classes = logits.shape
    confusion = np.zeros((classes, classes), dtype=np.int64)
    among_five = 0
    for row, label in zip(logits, labels, strict=True):
        confusion[label, int(row.argmax())] += 1
        among_five += label in np.argsort(-row)[:5]
    assert found.images == count
    assert found.accuracy == pytest.approx(np.trace(confusion) / count)
    assert found.top5 == pytest.approx(among_five / count)
    assert found.loss == pytest.approx(-np.log(probabilities[np.arange(count), labels]).mean(), rel=1e-4, abs=1e-5)
    assert found.calibration_error == pytest.approx(slow_calibration_error(probabilities, labels), abs=1e-5)
    assert found.confusion.dtype == torch.int64
    assert found.confusion.tolist() == confusion.tolist()
    for label, accuracy in enumerate(found.class_accuracies):
        total = confusion[label].sum()
        expected = confusion[label, label] / total if total else math.nan
        assert accuracy == pytest.approx(expected, nan_ok=True)


def test_a_class_without_images_has_no_accuracy() -> None:
    found = of_logits(torch.eye(3)[[0, 0, 1]], torch.tensor([0, 1, 1]))
    assert found.class_accuracies == pytest.approx([1.0, 0.5, math.nan], nan_ok=True)


def test_with_five_classes_or_fewer_the_label_is_always_among_five() -> None:
    found = of_logits(torch.eye(5)[[0, 1, 2, 3]], torch.tensor([1, 2, 3, 4]))
    assert (found.accuracy, found.top5) == (0.0, 1.0)


def test_the_calibration_error_of_a_confident_network_is_its_share_of_mistakes() -> None:
    found = of_logits(100 * torch.eye(4)[[0, 1, 2, 3]], torch.tensor([0, 1, 2, 0]))
    assert found.calibration_error == pytest.approx(0.25, abs=1e-6)


def test_a_network_that_is_as_sure_as_it_is_right_is_calibrated() -> None:
    logits = torch.tensor([0.8, 0.2]).log().repeat(10, 1)
    found = of_logits(logits, torch.tensor([0] * 8 + [1] * 2))
    assert found.calibration_error == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("batch_size", [1, 8, 25, 100])
def test_batch_norm_and_dropout_are_those_of_evaluation(batch_size: int) -> None:
    network, images = a_network(), noise(25)
    found = evaluate(network, images, IDENTITY, batch_size)
    logits = network.eval()(images.images)
    assert found.loss == pytest.approx(nn.functional.cross_entropy(logits, images.labels).item(), rel=1e-5)
    assert found.accuracy == int((logits.argmax(dim=1) == images.labels).sum()) / 25


def test_evaluations_of_one_network_are_equal_however_long_they_took() -> None:
    network, images = a_network(), noise(25)
    assert evaluate(network, images, IDENTITY, 8) == evaluate(network, images, IDENTITY, 8)
    assert evaluate(network, images, IDENTITY, 8) != evaluate(a_network(1), images, IDENTITY, 8)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(training: bool) -> None:
    network = a_network()
    network.train(training)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    evaluate(network, noise(25), IDENTITY, 8)
    assert all(module.training is training for module in network.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_mode_is_restored_when_the_network_fails() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(7, 5))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        evaluate(network, noise(25), IDENTITY, 8)
    assert network.training


class Spy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return images.mean(dim=(2, 3)) @ torch.ones(3, 5)


def test_images_arrive_normalized_in_channels_last_and_without_gradients() -> None:
    spy, images = Spy(), noise(25)
    evaluate(spy, images, lambda some: IDENTITY(2 * some), 10)
    assert [len(batch) for batch in spy.seen] == [10, 10, 5]
    assert torch.equal(torch.cat(spy.seen), 2 * images.images)
    for batch in spy.seen:
        assert batch.is_contiguous(memory_format=torch.channels_last)
        assert batch.is_inference()
