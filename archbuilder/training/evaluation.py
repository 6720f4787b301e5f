"""How well a network does on images."""

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
    """How well a network does on some images.

    Attributes:
        images: How many there are.
        loss: Mean cross entropy in nats, without label smoothing and without auxiliary heads.
        accuracy: The share of images whose most likely class is their label, from 0 to 1.
        top5: The share of images whose label is among the five most likely classes.
        calibration_error: How far, on average, the probability that the network gives to its answer is from the share
            of right answers: the expected calibration error of On Calibration of Modern Neural Networks (Guo et al.
            2017), section 2, over 15 bins of equal width.
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
    """Run a network on every image, in evaluation mode, and leave it in the mode it came in.

    Args:
        network: Takes N x C x H x W and gives logits, N x classes, in evaluation mode.
        images: At least one image.
        normalize: What the images pass before the network sees them.
        batch_size: How many images run at once, in all processes together; it decides memory and speed, and of the
            outcome only rounding.
        machine: Where the network is.
        processes: Who else has a part of the images; all get the outcome of all.
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
    processes.total(tally.sums)
    processes.total(tally.confusion)
    processes.total(tally.bins)
    return tally.outcome(started)


class _Tally:
    """What is summed over batches: sums of loss, right answers and answers among five; confusion; bins."""

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
        """Return the evaluation, with the time since it was started."""
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
