"""Read the samples of another library's data set into memory."""

from collections.abc import Mapping, Sized
from typing import Any

import numpy as np
import torch
from torch import Tensor

from archbuilder.data.image_modes import as_pixels
from archbuilder.data.images import MOST_HELD, ImageSet
from archbuilder.data.labels import from_zero
from archbuilder.data.raw import RawData
from archbuilder.errors import ArchbuilderError

_FOLDER = "use folder:PATH@SIZE on its files instead"


def read_samples(name: str, parts: Mapping[str, Sized], classes: Any) -> RawData:
    """Read samples, each an image (of Pillow's, or a tensor) and an integer, into memory.

    Args:
        name: The name of the data set in errors.
        parts: Its samples by split; each supports indexing.
        classes: The names of its classes, if it has any.

    Raises:
        ArchbuilderError: Images differ in size, there are too many, or labels are not integers.
    """
    gray = _is_gray(_sample(name, parts["train"], 0)[0]) if len(parts["train"]) else False
    read = {part: _read(f"{name} ({part})", samples, gray=gray) for part, samples in parts.items()}
    labels = {f"{name} ({part})": some.labels for part, some in read.items()}
    names = tuple(_class_name(entry) for entry in classes) if isinstance(classes, list | tuple) else ()
    if names and all(int(some.min()) >= 0 and int(some.max()) < len(names) for some in labels.values()):
        numbered = labels
    else:
        names, numbered = from_zero(labels)
    done = {part: ImageSet(read[part].images, numbered[f"{name} ({part})"]) for part in read}
    return RawData(done["train"], names, test=done.get("test"), validation=done.get("validation"))


def _class_name(entry: object) -> str:
    return ", ".join(map(str, entry)) if isinstance(entry, list | tuple) else str(entry)


def _sample(name: str, samples: Any, index: int) -> tuple[Any, Any]:
    """Return the image and the label of a sample."""
    try:
        sample = samples[index]
    except Exception as error:  # it is another library's code, and may raise anything
        raise ArchbuilderError(f"{name}: sample {index:,} cannot be read: {error}") from error
    if not isinstance(sample, tuple) or len(sample) != 2:
        raise ArchbuilderError(f"{name}: sample {index:,} is not a pair of an image and a label")
    return sample


def _read(name: str, samples: Any, *, gray: bool) -> ImageSet:
    """Read all samples of a split into tensors: images N x C x H x W, labels N."""
    count = len(samples)
    if not count:
        raise ArchbuilderError(f"{name}: has no images")
    labels = torch.empty(count, dtype=torch.int64)
    images = torch.empty(0)
    for index in range(count):
        image, label = _sample(name, samples, index)
        pixels = _pixels(f"{name}: image {index:,}", image, gray=gray)
        if not index:
            if count * pixels.numel() * pixels.element_size() > MOST_HELD:
                raise ArchbuilderError(f"{name}: {count:,} images are too many to hold in memory; {_FOLDER}")
            images = torch.empty((count, *pixels.shape), dtype=pixels.dtype)
        if pixels.shape != images.shape[1:]:
            sizes = (" x ".join(map(str, some)) for some in (pixels.shape, images.shape[1:]))
            message = "{}: images differ in size: image {:,} is {}, the first is {} (channels x height x width); {}"
            raise ArchbuilderError(message.format(name, index, *sizes, _FOLDER))
        images[index] = pixels
        labels[index] = _label(f"{name}: image {index:,}", label)
    return ImageSet(images, labels)


def _label(where: str, label: Any) -> int:
    """Return a label as an integer; raise an error if it is not one."""
    one = label.numel() == 1 if isinstance(label, Tensor) else isinstance(label, np.generic)
    whole = label.item() if one else label
    if not isinstance(whole, int):
        raise ArchbuilderError(f"{where}: found the label {str(label)[:40]}, expected an integer")
    return whole


def _is_gray(image: Any) -> bool:
    return getattr(image, "mode", "RGB") in ("1", "L")


def _pixels(where: str, image: Any, *, gray: bool) -> Tensor:
    """Return an image as C x H x W: uint8, or float32 where a tensor of floats is given."""
    from PIL import Image  # noqa: PLC0415 - only such libraries need it

    if isinstance(image, Image.Image):
        return torch.from_numpy(as_pixels(image.convert("L" if gray else "RGB")).copy())
    if isinstance(image, Tensor) and image.ndim == 3 and len(image) in (1, 3):
        return image if image.dtype == torch.uint8 else image.to(torch.float32)
    raise ArchbuilderError(f"{where}: found {type(image).__name__}, expected an image of 1 or 3 channels")
