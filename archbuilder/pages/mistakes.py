"""Pictures of what a network confuses, the most frequent pairs of classes first."""

import base64
import io
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from archbuilder.runs import Measured

PAIRS, PICTURES = 5, 8
_SMALL = 64  # pixels: what is smaller is shown with its pixels


@dataclass(frozen=True)
class Picture:
    """A picture that was misclassified.

    Attributes:
        source: The picture as a data URI.
        confidence: The probability that the network gave the wrong class, from 0 to 1.
        is_large: Whether it is shown smoothed.
    """

    source: str
    confidence: float
    is_large: bool


@dataclass(frozen=True)
class Mistake:
    """Images of one class that were predicted as another.

    Attributes:
        label: The name of their class.
        answer: The name of the class that was predicted.
        count: How many images there are.
        pictures: Those of which the network was most certain.
    """

    label: str
    answer: str
    count: int
    pictures: list[Picture]


def mistakes(measured: Measured) -> list[Mistake]:
    """Return the most frequent mistakes of an evaluation."""
    labels, answers, names = measured.images.labels, measured.answers, measured.class_names
    wrong = (labels != answers).nonzero().squeeze(1)
    pairs, counts = torch.unique(labels[wrong] * len(names) + answers[wrong], return_counts=True)
    found = []
    for place in counts.argsort(descending=True, stable=True)[:PAIRS].tolist():
        label, answer = divmod(int(pairs[place]), len(names))
        who = wrong[(labels[wrong] == label) & (answers[wrong] == answer)]
        shown = who[measured.confidences[who].argsort(descending=True, stable=True)[:PICTURES]]
        images = next(measured.images.batches([shown])).images
        pictures = [
            _picture(image, float(measured.confidences[index]))
            for image, index in zip(images, shown.tolist(), strict=True)
        ]
        found.append(Mistake(names[label], names[answer], len(who), pictures))
    return found


def _picture(image: Tensor, confidence: float) -> Picture:
    """Return an image, C x H x W, as PNG; of other channels than those of a picture, the first is shown."""
    shown = image.cpu() if image.shape[0] in (1, 3) else image[:1].cpu()
    if shown.dtype != torch.uint8:
        low, high = shown.amin(), shown.amax()
        shown = ((shown - low) / (high - low).clamp(min=1e-12) * 255).round().to(torch.uint8)
    pixels = shown.permute(1, 2, 0).squeeze(2).contiguous().numpy()  # H x W, or H x W x 3
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    source = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    return Picture(source, confidence, min(shown.shape[1:]) >= _SMALL)
