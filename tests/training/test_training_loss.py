from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from archbuilder.errors import ArchbuilderError
from archbuilder.training.loss import training_loss


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
