"""Predict the classes of pictures with a trained network."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from archbuilder.data import SOURCES, Normalizer
from archbuilder.data.decode import SUFFIXES, Pixels, Target, pixels_of, read_image, read_image_bytes
from archbuilder.errors import ArchbuilderError
from archbuilder.runs.checkpoint import Checkpoint, Picture
from archbuilder.runs.memory import free_memory, is_out_of_memory
from archbuilder.runs.memory_advice import evaluation_out_of_memory
from archbuilder.training import CPU, Machine

BATCH_SIZE = 32
_DATA_FILES = {".npz", ".npy", ".gz"}
_PICTURES = Normalizer((128.0,), (64.0,))  # about the mean and the standard deviation of pictures, of values 0 to 255


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of a picture.

    Attributes:
        file: The file; empty for an open image.
        classes: The names of the classes with their probabilities, from 0 to 1, the most probable first.
    """

    file: str
    classes: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        return "  ".join([self.file, *(f"{name} {100 * probability:.1f} %" for name, probability in self.classes)])


@dataclass(frozen=True)
class Unreadable:
    """A picture that cannot be read.

    Attributes:
        file: The file.
        reason: Why, with the file's name.
    """

    file: str
    reason: str


def predict(
    checkpoint: Checkpoint,
    images: Picture | bytes | Iterable[Picture | bytes],
    *,
    top: int = 5,
    batch_size: int = BATCH_SIZE,
    machine: Machine = CPU,
) -> list[Prediction]:
    """Predict the classes of pictures; see `Checkpoint.predict`."""
    single = isinstance(images, str | bytes | Path) or not isinstance(images, Iterable)
    given: list[Picture | bytes] = [images] if single else list(images)  # type: ignore[list-item, arg-type]
    found = []
    for each in predictions(checkpoint, given, top=top, batch_size=batch_size, machine=machine):
        if isinstance(each, Unreadable):
            raise ArchbuilderError(each.reason)
        found.append(each)
    return found


def predictions(
    checkpoint: Checkpoint,
    images: Iterable[Picture | bytes],
    *,
    top: int = 5,
    batch_size: int = BATCH_SIZE,
    machine: Machine = CPU,
) -> Iterator[Prediction | Unreadable]:
    """Predict pictures as `predict` does, batch after batch; what cannot be read is told and the rest predicted."""
    plan = checkpoint.setup.load_spec().plan()
    target = checkpoint.setup.picture_target(plan.input_shape)
    network, room = checkpoint.network().to(machine.device), free_memory(machine.device)
    if machine.compiled:
        network.compile()
    waiting: list[tuple[str, Pixels | Unreadable]] = []
    try:
        for picture in images:
            for name, each in _expanded(picture):
                waiting.append((name, _read(name, each, target)))
                if len(waiting) == batch_size:
                    yield from _predicted(checkpoint, network, waiting, top, machine)
                    waiting = []
        yield from _predicted(checkpoint, network, waiting, top, machine)
    except Exception as error:
        if is_out_of_memory(error):
            raise evaluation_out_of_memory(plan, len(waiting), machine, room) from error
        raise


def scale_note(checkpoint: Checkpoint) -> str:
    """Return a remark if a network was trained on images whose values are not those of pictures, 0 to 255, or nothing.

    Those of the digits go to 16, and archives of arrays may hold any.
    """
    setup = checkpoint.setup
    count = len(setup.mean)
    if setup.normalizer.is_on_scale_of(Normalizer(_PICTURES.mean * count, _PICTURES.std * count)):
        return ""
    values = f"mean {setup.mean[0]:.3g}, standard deviation {setup.std[0]:.3g}"
    theirs = f"whose values ({values}) are not those of pictures, 0 to 255"
    return f"trained on {setup.data}, {theirs}: its predictions of pictures mean nothing"


def _expanded(picture: Picture | bytes) -> Iterator[tuple[str, Picture | bytes | Unreadable]]:
    """Yield pictures with their names: those in a folder, or what is given."""
    if isinstance(picture, bytes):
        yield "-", picture
        return
    if not isinstance(picture, str | Path):
        yield str(getattr(picture, "filename", "") or ""), picture
        return
    path = Path(picture)
    if path.is_dir():
        files = list(_images_below(path))
        if not files:
            known = ", ".join(sorted(suffix.removeprefix(".") for suffix in SUFFIXES))
            yield str(path), Unreadable(str(path), f"{path}: no images in it; the extensions of images are {known}")
        yield from ((str(file), file) for file in files)
    elif _is_data(path):
        advice = f"evaluate_checkpoint takes data={str(picture)!r}"
        yield str(path), Unreadable(str(path), f"{path}: is a data set, not a picture; {advice}")
    else:
        yield str(path), path


def _images_below(folder: Path) -> Iterator[Path]:
    """Yield the images in a folder and in its folders, by name; hidden ones are left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(place) / name


def _is_data(path: Path) -> bool:
    """Return whether a name is the address of a data set, or a file of one."""
    kind, colon, _ = str(path).partition(":")
    return (kind in SOURCES and not path.exists() and bool(colon or kind == str(path))) or (
        path.suffix.lower() in _DATA_FILES
    )


def _read(name: str, picture: Picture | bytes | Unreadable, target: Target) -> Pixels | Unreadable:
    """Return the pixels of a picture, or why it cannot be read."""
    try:
        if isinstance(picture, Unreadable):
            return picture
        if isinstance(picture, bytes):
            return read_image_bytes(picture, target)
        return read_image(Path(picture), target) if isinstance(picture, str | Path) else pixels_of(picture, target)
    except ArchbuilderError as error:
        return Unreadable(name, str(error))


@torch.inference_mode()
def _logits(network: nn.Module, checkpoint: Checkpoint, pixels: list[Pixels], machine: Machine) -> torch.Tensor:
    """Return the logits of pictures: N x classes, float32."""
    images = torch.stack([torch.from_numpy(each.copy()) for each in pixels]).to(machine.device)
    with machine.autocast():
        logits: torch.Tensor = network(checkpoint.setup.normalizer(images))
    return logits.float()


def _predicted(
    checkpoint: Checkpoint,
    network: nn.Module,
    batch: list[tuple[str, Pixels | Unreadable]],
    top: int,
    machine: Machine,
) -> list[Prediction | Unreadable]:
    """Predict a batch; what could not be read stays as it is."""
    pixels = [each for _, each in batch if not isinstance(each, Unreadable)]
    names = checkpoint.setup.class_names
    rows = []
    if pixels:
        most = _logits(network, checkpoint, pixels, machine).softmax(dim=1).topk(min(top, len(names)), dim=1)
        rows = list(zip(most.values.tolist(), most.indices.tolist(), strict=True))
    found: list[Prediction | Unreadable] = []
    for file, each in batch:
        if isinstance(each, Unreadable):
            found.append(each)
        else:
            values, labels = rows.pop(0)
            found.append(Prediction(file, tuple((names[label], p) for label, p in zip(labels, values, strict=True))))
    return found
