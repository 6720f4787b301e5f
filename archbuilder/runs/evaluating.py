"""Evaluate a checkpoint on images."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from archbuilder.data import Images, check_shape
from archbuilder.runs.checkpoint import read_checkpoint
from archbuilder.runs.choosing import choose_images
from archbuilder.runs.memory import free_memory, is_out_of_memory
from archbuilder.runs.memory_advice import evaluation_out_of_memory
from archbuilder.runs.seen import read_seen
from archbuilder.runs.setup import RunSetup
from archbuilder.training import CPU, Evaluation, Machine, evaluate


@dataclass(frozen=True, repr=False)
class Measured:
    """The evaluation of a checkpoint.

    Attributes:
        setup: Spec, data, settings and seeds of its run.
        epochs: Number of epochs after which it was saved.
        data: Address of the data set.
        split: The split that was evaluated.
        class_names: Names of the classes, by label.
        evaluation: Accuracy, loss, calibration error, throughput and confusion matrix.
        images: The images, in the order of `answers`.
        answers: The most likely class of each image: N, int64.
        confidences: The probability of that class: N, float32, from 0 to 1.
        notes: Remarks on the images.
    """

    setup: RunSetup
    epochs: int
    data: str
    split: str
    class_names: tuple[str, ...]
    evaluation: Evaluation
    images: Images
    answers: Tensor
    confidences: Tensor
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        found = self.evaluation
        accuracy = f"accuracy {100 * found.accuracy:.2f} % of {found.images:,} images"
        return f"<Measured {self.setup.spec_name}: {self.split} {accuracy} of {self.data}>"


def evaluate_checkpoint(
    path: Path | str,
    data: str | None = None,
    *,
    split: str | None = None,
    batch_size: int | None = None,
    machine: Machine = CPU,
    download: bool = False,
    skip_broken: bool = False,
) -> Measured:
    """Evaluate a checkpoint on a split of a data set.

    Images are prepared as in training, and the data set is split by the seed of the training, so that no training image
    is in another split.

    Args:
        path: A checkpoint, or the folder of a run, for its best epoch.
        data: The address of a data set; by default that of the training, with unchanged images.
        split: `test`, `validation` or `train`; `all` images of the set; or those that were `unseen` in the training. If
            left out `test`, or `all` where another data set comes with no test split.
        batch_size: Images per batch; that of the training by default.
        machine: Device and precision.
        download: Whether torchvision may download the data set.
        skip_broken: Whether to leave out image files that cannot be read; otherwise they are errors.

    Returns:
        The evaluation.

    Raises:
        ArchbuilderError: The checkpoint or the data set does not exist or is damaged, they do not fit each other, the
            network was trained on some of the test images, or out of memory.
    """
    checkpoint = read_checkpoint(path)
    setup = checkpoint.setup
    plan = setup.load_spec().plan()
    seen = read_seen(Path(path) if Path(path).is_dir() else Path(path).parent)
    chosen = choose_images(
        setup, seen, data, split, channels=plan.input_shape[0], download=download, skip_broken=skip_broken
    )
    images = chosen.images
    check_shape(chosen.address, images.shape, plan.input_shape)
    at_once, room = batch_size or setup.settings.batch_size, free_memory(machine.device)
    try:
        network = checkpoint.network().to(machine.device)
        if machine.compiled:
            network.compile()
        images = images.to(machine.device)
        first = images.take(torch.arange(min(at_once, len(images))))
        evaluate(
            network, first, setup.normalizer, at_once, machine=machine
        )  # a warm-up, so that the throughput is right
        answering = _Answering(network)
        found = evaluate(answering, images, setup.normalizer, at_once, machine=machine)
    except Exception as error:
        if is_out_of_memory(error):
            raise evaluation_out_of_memory(plan, min(at_once, len(images)), machine, room) from error
        raise
    return Measured(
        setup=setup,
        epochs=len(checkpoint.history),
        data=chosen.address,
        split=chosen.split,
        class_names=chosen.class_names,
        evaluation=found,
        images=chosen.images,
        answers=torch.cat(answering.answers),
        confidences=torch.cat(answering.confidences),
        notes=chosen.notes,
    )


class _Answering(nn.Module):
    """A network that keeps what it says of each image, in the order of the images."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.answers: list[Tensor] = []
        self.confidences: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """Return logits: N x classes."""
        logits: Tensor = self.network(images)
        confidences, answers = logits.float().softmax(dim=1).max(dim=1)
        self.answers.append(answers.cpu())
        self.confidences.append(confidences.cpu())
        return logits
