from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import TrainSettings
from archbuilder.training.loss import WeightedLabels, class_weights, training_loss


class Output(NamedTuple):
    logits: Tensor
    aux2: Tensor
    aux1: Tensor


LABELS = torch.tensor([0, 2, 1, 2])


def an_output() -> Output:
    generator = torch.Generator().manual_seed(0)
    logits, aux2, aux1 = (torch.randn(4, 3, generator=generator).requires_grad_() for _ in range(3))
    return Output(logits, aux2, aux1)


def test_without_heads_it_is_the_cross_entropy() -> None:
    logits = an_output().logits
    assert torch.equal(training_loss(logits, LABELS, head_weights={}), cross_entropy(logits, LABELS))


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_each_head_adds_its_own_weight(label_smoothing: float) -> None:
    output = an_output()
    main, aux2, aux1 = (cross_entropy(tensor, LABELS, label_smoothing=label_smoothing) for tensor in output)
    loss = training_loss(output, LABELS, head_weights={"aux1": 0.3, "aux2": 0.5}, label_smoothing=label_smoothing)
    torch.testing.assert_close(loss, main + 0.3 * aux1 + 0.5 * aux2)


def test_the_weight_of_a_head_scales_its_gradient_and_no_other() -> None:
    output = an_output()
    training_loss(output, LABELS, head_weights={"aux1": 0.0, "aux2": 0.25}).backward()  # type: ignore[no-untyped-call]
    alone = an_output()
    for tensor in alone:
        cross_entropy(tensor, LABELS).backward()  # type: ignore[no-untyped-call]
    for weight, got, whole in zip((1.0, 0.25, 0.0), output, alone, strict=True):
        assert got.grad is not None
        assert whole.grad is not None
        torch.testing.assert_close(got.grad, weight * whole.grad)


def test_a_head_without_a_weight_is_an_error() -> None:
    with pytest.raises(ArchbuilderError, match=r"auxiliary heads are aux1, aux2, but weights are given for aux1$"):
        training_loss(an_output(), LABELS, head_weights={"aux1": 0.3})


def test_a_weight_without_a_head_is_an_error() -> None:
    with pytest.raises(ArchbuilderError, match=r"auxiliary heads are none, but weights are given for aux1$"):
        training_loss(an_output().logits, LABELS, head_weights={"aux1": 0.3})


OTHERS = torch.tensor([1, 2, 0, 0])
WEIGHTS = torch.tensor([0.5, 2.0, 1.25])


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_with_class_weights_every_head_has_the_loss_of_torch(label_smoothing: float) -> None:
    output = an_output()
    criterion = nn.CrossEntropyLoss(weight=WEIGHTS, label_smoothing=label_smoothing)
    main, aux2, aux1 = (criterion(tensor, LABELS) for tensor in output)
    loss = training_loss(
        *(output, LABELS),
        head_weights={"aux1": 0.3, "aux2": 0.5},
        label_smoothing=label_smoothing,
        class_weights=WEIGHTS,
    )
    torch.testing.assert_close(loss, main + 0.3 * aux1 + 0.5 * aux2)


@given(share=st.floats(0, 1), label_smoothing=st.floats(0, 0.9))
def test_of_mixed_images_it_is_the_cross_entropy_with_soft_targets(share: float, label_smoothing: float) -> None:
    output = an_output()
    soft = share * one_hot(LABELS, 3) + (1 - share) * one_hot(OTHERS, 3)
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(4))
    targets = [WeightedLabels(LABELS, share), WeightedLabels(OTHERS, 1 - share)]
    loss = training_loss(output, targets, head_weights={"aux1": 0.3, "aux2": 0.5}, label_smoothing=label_smoothing)
    main, aux2, aux1 = (cross_entropy(tensor, soft, label_smoothing=label_smoothing) for tensor in output)
    torch.testing.assert_close(loss, main + 0.3 * aux1 + 0.5 * aux2)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_a_whole_share_gives_the_loss_of_the_labels_alone(weights: Tensor | None, label_smoothing: float) -> None:
    logits = an_output().logits
    targets = [WeightedLabels(LABELS, 1.0), WeightedLabels(OTHERS, 0.0)]
    one, other = (
        training_loss(logits, given, head_weights={}, label_smoothing=label_smoothing, class_weights=weights)
        for given in (targets, LABELS)
    )
    assert torch.equal(one, other)


def test_without_the_setting_classes_have_no_weights() -> None:
    assert class_weights(LABELS, 3, TrainSettings()) is None


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_balanced_weights_are_those_of_scikit_learn(labels: list[int]) -> None:
    labels = [*labels, 0, 1, 2, 3, 4]  # every class has an image
    found = class_weights(torch.tensor(labels), 5, TrainSettings(class_weights="balanced"))
    assert found is not None
    expected = compute_class_weight("balanced", classes=np.arange(5), y=labels)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32))


def test_given_weights_are_taken_one_for_each_class() -> None:
    found = class_weights(LABELS, 3, TrainSettings(class_weights=[1, 2, 0.5]))
    assert found is not None
    assert found.tolist() == [1.0, 2.0, 0.5]
    with pytest.raises(ArchbuilderError, match=r"^class_weights: found 2 numbers, expected one for each of 3 classes$"):
        class_weights(LABELS, 3, TrainSettings(class_weights=[1, 2]))
