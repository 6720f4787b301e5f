from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from archbuilder.training.data import ImageSet


@dataclass(frozen=True)
class Evaluation:
    """How well a network does on some images.

    Attributes:
        loss: Mean cross entropy in nats, without label smoothing and without auxiliary heads.
        accuracy: The share of images whose most likely class is their label, from 0 to 1.
    """

    loss: float
    accuracy: float


@torch.inference_mode()
def evaluate(network: nn.Module, images: ImageSet, batch_size: int) -> Evaluation:
    """Run a network on every image, in evaluation mode, and leave it in the mode it came in.

    Args:
        network: Takes N x C x H x W and gives logits, N x classes, in evaluation mode.
        images: At least one image.
        batch_size: How many images run at once; it decides memory and speed, and of the outcome only rounding.
    """
    was_training = network.training
    network.eval()
    loss, correct = 0.0, 0
    try:
        for batch, labels in zip(
            torch.split(images.images, batch_size), torch.split(images.labels, batch_size), strict=True
        ):
            logits = network(batch.contiguous(memory_format=torch.channels_last))  # N x classes
            loss += functional.cross_entropy(logits, labels, reduction="sum").item()
            correct += int((logits.argmax(dim=1) == labels).sum())
    finally:
        network.train(was_training)
    return Evaluation(loss=loss / len(images), accuracy=correct / len(images))
