"""The training loss, with auxiliary heads."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import TrainSettings


class HeadedOutput(Protocol):
    """A named tuple of `logits`, and the logits of every auxiliary head by name."""

    def _asdict(self) -> dict[str, Any]: ...


class WeightedLabels(NamedTuple):
    """A label of each image, and the weight of their cross entropy in the loss.

    Mixed images have two targets: their own labels and those of the images they were mixed with.
    """

    labels: Tensor  # N, int64
    weight: float | Tensor = 1.0  # a number, or a scalar


class SoftLabels(NamedTuple):
    """What a teacher says of each image, and its weight in the loss."""

    logits: Tensor  # N x classes, of the teacher
    temperature: float
    weight: float  # from 0 to 1; that of the labels is the rest
    share: float = 1.0  # of this process's images, as in `WeightedLabels.weight`


def soft_label_loss(logits: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Return the divergence of a network's probabilities from a teacher's, both at a temperature, times its square.

    Distilling the Knowledge in a Neural Network (Hinton, Vinyals and Dean 2015), section 2: the square keeps the
    gradients of the same size at all temperatures.

    Args:
        logits: Of the network: N x classes.
        targets: Of the teacher: N x classes.
        temperature: What the logits are divided by.

    Returns:
        A scalar: the mean over images of the Kullback-Leibler divergence, summed over classes, in nats.
    """
    found, expected = ((each.float() / temperature).log_softmax(dim=1) for each in (logits, targets))
    divergence = functional.kl_div(found, expected, reduction="batchmean", log_target=True)
    return temperature**2 * divergence


def class_weights(labels: Tensor, classes: int, settings: TrainSettings) -> Tensor | None:
    """Return the weight of each class by the setting `class_weights`: classes, float32; None without it.

    Balanced weights are images / (classes * images of the class), as in scikit-learn: their mean over images is 1.

    Args:
        labels: The labels of all training images: N, int64.
        classes: The number of classes.
        settings: The settings.

    Raises:
        ArchbuilderError: There are not as many weights as classes.
    """
    given = settings.class_weights
    if given is None:
        return None
    if settings.is_class_balanced:
        return len(labels) / (classes * labels.bincount(minlength=classes).clamp_min(1).float())
    if len(given) != classes:
        raise ArchbuilderError(f"class_weights: found {len(given)} numbers, expected one for each of {classes} classes")
    return torch.tensor(given, dtype=torch.float32)


def training_loss(
    output: Tensor | HeadedOutput,
    targets: Tensor | Sequence[WeightedLabels],
    *,
    head_weights: Mapping[str, float],
    label_smoothing: float = 0.0,
    class_weights: Tensor | None = None,
    soft_labels: SoftLabels | None = None,
) -> Tensor:
    """Return the cross entropy of the logits, plus that of every auxiliary head times its weight.

    With soft labels, that of the logits and of each head is mixed with their `soft_label_loss`.

    Going Deeper with Convolutions (Szegedy et al. 2014), section 5, where both weights are 0.3.

    Args:
        output: The output of the network in training mode; each tensor is N x classes.
        targets: Labels, N, int64; or the targets of mixed images.
        head_weights: The weight of every auxiliary head by its name; empty for a network without heads.
        label_smoothing: The share of every label that is spread evenly over all classes.
        class_weights: The weight of every class; the mean is then weighted, as in torch's `CrossEntropyLoss`. Soft
            labels have none.
        soft_labels: What a teacher says of the images.

    Returns:
        A scalar: the mean over the batch, in nats.

    Raises:
        ArchbuilderError: The names of `head_weights` are not those of the network's heads.
    """
    heads = {"logits": output} if isinstance(output, Tensor) else output._asdict()
    logits = heads.pop("logits")
    if heads.keys() != head_weights.keys():
        has, weighted = (", ".join(sorted(names)) or "none" for names in (heads, head_weights))
        raise ArchbuilderError(f"the network's auxiliary heads are {has}, but weights are given for {weighted}")
    parts = [WeightedLabels(targets)] if isinstance(targets, Tensor) else targets

    def loss_of(logits: Tensor) -> Tensor:
        first, *others = (
            weight * functional.cross_entropy(logits, labels, weight=class_weights, label_smoothing=label_smoothing)
            for labels, weight in parts
        )
        hard = sum(others, start=first)
        if soft_labels is None:
            return hard
        soft = soft_labels.share * soft_label_loss(logits, soft_labels.logits, soft_labels.temperature)
        return (1 - soft_labels.weight) * hard + soft_labels.weight * soft

    loss = loss_of(logits)
    for name, weight in head_weights.items():
        loss = loss + weight * loss_of(heads[name])
    return loss
