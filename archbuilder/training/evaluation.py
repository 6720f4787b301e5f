"""Evaluate a network on images: loss, accuracy, calibration and confusion."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from archbuilder.data import Images
from archbuilder.training.machine import CPU, Machine
from archbuilder.training.processes import ALONE, Processes

_BINS = 15  # of confidence, as in the paper


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a network on images.

    Attributes:
        images: The number of images.
        loss: Mean cross entropy in nats, without label smoothing and without auxiliary heads.
        accuracy: The share of images whose most likely class is their label, from 0 to 1.
        top5: The share of images whose label is among the five most likely classes.
        calibration_error: The mean difference of confidence and accuracy: the expected calibration error of On
            Calibration of Modern Neural Networks (Guo et al. 2017), section 2, over 15 bins of equal width.
        confusion: classes x classes, int64: number of images of the row's class that were predicted as the column's.
        seconds: Wall time.
    """

    images: int
    loss: float
    accuracy: float
    top5: float
    calibration_error: float
    confusion: Tensor = field(compare=False, repr=False)
    seconds: float = field(compare=False)

    @property
    def class_accuracies(self) -> list[float]:
        """The accuracy of each class, from 0 to 1; NaN for a class without images."""
        counts = self.confusion.to(torch.float64)
        return (counts.diag() / counts.sum(dim=1)).tolist()


@torch.inference_mode()
def evaluate(
    network: nn.Module,
    images: Images,
    normalize: Callable[[Tensor], Tensor],
    batch_size: int,
    *,
    machine: Machine = CPU,
    processes: Processes = ALONE,
) -> Evaluation:
    """Evaluate a network on images, in evaluation mode; its mode is restored.

    Args:
        network: Takes N x C x H x W and returns logits, N x classes, in evaluation mode.
        images: At least one image.
        normalize: The normalization of network inputs.
        batch_size: The batch size over all processes; it affects the result only by rounding.
        machine: The device and precision.
        processes: The processes that evaluate together; all return the result over all images.
    """
    started = time.perf_counter()
    was_training = network.training
    network.eval()
    tally = None
    try:
        order = torch.split(processes.share(torch.arange(len(images))), max(1, batch_size // processes.count))
        for batch in images.batches(order, workers=machine.workers):
            with machine.autocast():
                logits = network(normalize(batch.images.to(machine.device)))  # N x classes
            tally = tally or _Tally(logits.shape[1], machine.device)
            tally.add(logits.float(), batch.labels.to(machine.device))
    finally:
        network.train(was_training)
    assert tally is not None
    processes.sum(tally.sums)
    processes.sum(tally.confusion)
    processes.sum(tally.bins)
    return tally.outcome(started)


class _Tally:
    """Sums over batches: loss, correct predictions, correct among the top 5; confusion; bins of confidence."""

    def __init__(self, classes: int, device: torch.device) -> None:
        exact = torch.float32 if device.type == "mps" else torch.float64
        self.sums = torch.zeros(4, dtype=exact, device=device)
        self.confusion = torch.zeros(classes, classes, dtype=torch.int64, device=device)
        self.bins = torch.zeros(3, _BINS, dtype=exact, device=device)  # images, their confidence, right answers

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: N x classes and N."""
        classes = logits.shape[1]
        best = logits.topk(min(5, classes), dim=1).indices  # N x 5
        answers, hits = best[:, 0], best == labels[:, None]
        loss = functional.cross_entropy(logits, labels, reduction="sum")
        found = torch.stack([loss, hits[:, 0].sum(), hits.any(dim=1).sum(), torch.full_like(loss, len(labels))])
        self.sums += found.to(self.sums)
        pairs = torch.bincount(labels * classes + answers, minlength=classes * classes)
        self.confusion += pairs.view(classes, classes)
        confidence = logits.softmax(dim=1).amax(dim=1).to(self.bins.dtype)  # N
        place = (confidence * _BINS).ceil().long().sub_(1).clamp_(0, _BINS - 1)  # the bins are open below, closed above
        values = torch.stack([torch.ones_like(confidence), confidence, hits[:, 0].to(confidence)])
        self.bins.index_add_(1, place, values)

    def outcome(self, started: float) -> Evaluation:
        """Return the evaluation, with the time since `started`."""
        loss, right, among_five, images = self.sums.tolist()
        _, confidence, right_of_bin = self.bins
        return Evaluation(
            images=int(images),
            loss=loss / images,
            accuracy=right / images,
            top5=among_five / images,
            calibration_error=float((confidence - right_of_bin).abs().sum()) / images,
            confusion=self.confusion.cpu(),
            seconds=time.perf_counter() - started,
        )
