"""Runs as they are kept, as plain data."""

import io
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from archbuilder.errors import ArchbuilderError
from archbuilder.play.folder import inside
from archbuilder.play.limits import LARGEST_CHECKPOINT, LARGEST_METRICS, MOST_PIXELS

_MOST_EPOCHS = 100_000


@dataclass(frozen=True)
class Curves:
    """How a training went, epoch by epoch.

    Attributes:
        train_loss: The loss on the training images.
        validation_loss: The loss on the validation images.
        validation_accuracy: The accuracy on the validation images, from 0 to 1.
    """

    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    validation_accuracy: tuple[float, ...]


def read_curves(root: Path, folder: Path) -> Curves:
    """Read the curves of a run, which may be going on.

    Args:
        root: The playground's folder.
        folder: The run's.

    Raises:
        ArchbuilderError: The folder has no metrics, or they are damaged, too large, or outside the root.
    """
    path = inside(root, folder / "metrics.jsonl", LARGEST_METRICS)
    try:
        with path.open("rb") as file:
            lines = file.read(LARGEST_METRICS).decode().splitlines()[:_MOST_EPOCHS]
        epochs = [json.loads(line) for line in lines if line.strip()]
        return Curves(
            tuple(float(epoch["train_loss"]) for epoch in epochs),
            tuple(float(epoch["validation_loss"]) for epoch in epochs),
            tuple(float(epoch["validation_accuracy"]) for epoch in epochs),
        )
    except OSError as error:
        raise ArchbuilderError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise ArchbuilderError(f"{path}: is damaged, or not the metrics of a run") from None


def predict_picture(root: Path, folder: Path, picture: bytes) -> tuple[tuple[tuple[str, float], ...], str]:
    """Predict the class of a picture with the network of a run at its best epoch.

    Args:
        root: The playground's folder.
        folder: The run's.
        picture: The bytes of an image file.

    Returns:
        The most probable classes with their probabilities, and a remark if predictions of pictures mean nothing.

    Raises:
        ArchbuilderError: The folder has no network, or one that is too large or outside the root; or the bytes are no
            picture, or one of too many pixels.
    """
    from archbuilder.runs import BEST, read_checkpoint  # noqa: PLC0415 - imports torch
    from archbuilder.runs.predicting import predict, scale_note  # noqa: PLC0415

    _check_pixels(picture)
    checkpoint = read_checkpoint(inside(root, folder / BEST, LARGEST_CHECKPOINT))
    return predict(checkpoint, picture)[0].classes, scale_note(checkpoint)


def _check_pixels(picture: bytes) -> None:
    """Refuse a small file that is a large picture, before it is decoded."""
    from PIL import Image  # noqa: PLC0415

    size = (0, 0)
    with (
        suppress(Exception),
        Image.open(io.BytesIO(picture)) as image,
    ):  # other files are refused where they are read
        size = image.size
    if size[0] * size[1] > MOST_PIXELS:
        raise ArchbuilderError(f"the image has {size[0]:,} × {size[1]:,} pixels, expected at most {MOST_PIXELS:,}")
