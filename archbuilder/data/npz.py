"""Load a data set from a file of NumPy arrays."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from archbuilder.data.address import Address
from archbuilder.data.files import convert_read_errors, names_text, path_text
from archbuilder.data.format import Format
from archbuilder.data.images import ImageSet
from archbuilder.data.labels import from_zero
from archbuilder.data.raw import RawData
from archbuilder.errors import ArchbuilderError

# The names of the arrays of images and labels, by split.
_LAYOUTS: tuple[Mapping[str, tuple[str, str]], ...] = (
    {"train": ("images", "labels")},
    {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")},  # Keras
    {
        "train": ("train_images", "train_labels"),
        "validation": ("val_images", "val_labels"),
        "test": ("test_images", "test_labels"),
    },  # MedMNIST
)
_LARGEST = 2**24  # the largest n such that float32 holds every integer up to n

Array = np.ndarray[Any, np.dtype[Any]]


def load_npz(address: Address) -> RawData:
    """Load images and labels from an `.npz` file. Nothing is unpickled.

    Images are N x H x W, N x H x W x C or N x C x H x W; labels are N or N x 1 integers.
    The arrays are named `images` and `labels`, or as Keras or MedMNIST name them.

    Raises:
        ArchbuilderError: The file does not exist, is damaged, or has other arrays.
    """
    path = address.expanded_path
    if not path.is_file():
        found = "found a folder, expected a file" if path.is_dir() else "no such file"
        raise ArchbuilderError(f"{address.text}: {found}: {path_text(path)}")
    with convert_read_errors(path):
        if not zipfile.is_zipfile(path):
            raise ArchbuilderError(f"{path_text(path)}: is not an .npz file (a zip of numpy arrays), or it is cut off")
        arrays = _arrays(path)
    layout = next(layout for layout in _LAYOUTS if _keys(layout) <= arrays.keys())
    images = {part: _images(f"{path_text(path)}: {key}", arrays[key]) for part, (key, _) in layout.items()}
    labels = {
        f"{path_text(path)}: {key}": _labels(f"{path_text(path)}: {key}", arrays[key]) for _, key in layout.values()
    }
    for (part, (key, _)), (where, values) in zip(layout.items(), labels.items(), strict=True):
        if len(images[part]) != len(values):
            counts = f"found {len(values):,} labels for {len(images[part]):,} images of {key}"
            raise ArchbuilderError(f"{where}: {counts}, expected one an image")
    names, numbered = from_zero(labels)
    parts = {part: ImageSet(images[part], values) for part, values in zip(layout, numbered.values(), strict=True)}
    return RawData(parts["train"], names, parts.get("test"), parts.get("validation"), _notes(parts["train"].shape))


def _notes(shape: tuple[int, int, int]) -> tuple[str, ...]:
    """Say where channels were found, unless there are as many as there usually are."""
    sizes = " x ".join(map(str, shape))
    return () if shape[0] in (1, 3) else (f"images are read as {sizes} (channels x height x width)",)


def _keys(layout: Mapping[str, tuple[str, str]]) -> set[str]:
    return {key for pair in layout.values() for key in pair}


def _arrays(path: Path) -> dict[str, Array]:
    """Read the arrays of the first layout whose keys the file has."""
    try:
        with np.load(path, allow_pickle=False) as file:
            layout = next((layout for layout in _LAYOUTS if _keys(layout) <= set(file.files)), None)
            if layout is None:
                layouts = "; or ".join(
                    ", ".join(key for pair in layout.values() for key in pair) for layout in _LAYOUTS
                )
                raise ArchbuilderError(
                    f"{path_text(path)}: found the arrays {names_text(file.files)}, expected {layouts}"
                )
            arrays = {}
            for key in sorted(_keys(layout)):
                arrays[key] = _read(f"{path_text(path)}: {key}", file, key)
            return arrays
    except ArchbuilderError:
        raise
    except Exception as error:  # zipfile and numpy raise many kinds of exceptions for damaged files
        raise ArchbuilderError(f"{path_text(path)}: the file is damaged: {error}") from error


def _read(where: str, file: Mapping[str, Any], key: str) -> Array:
    """Read one array, without unpickling."""
    try:
        array = file[key]
    except ValueError as error:
        if "Object arrays" in str(error):
            reason = "holds Python objects, which are pickled and could run code when read"
            raise ArchbuilderError(f"{where}: {reason}; save it as an array of numbers") from error
        raise
    if not isinstance(array, np.ndarray):
        raise ArchbuilderError(f"{where}: is not a NumPy array")
    return array


def _images(where: str, array: Array) -> Tensor:
    """Return images as N x C x H x W, uint8 or float32."""
    shape = " x ".join(map(str, array.shape))
    if array.ndim == 3:
        array = array[:, np.newaxis]
    elif array.ndim != 4:
        wanted = "N x height x width, N x height x width x channels or N x channels x height x width"
        raise ArchbuilderError(f"{where}: found an array of {shape}, expected {wanted}")
    elif _are_channels_last(array.shape[1:]):
        array = array.transpose(0, 3, 1, 2)
    if 0 in array.shape:
        raise ArchbuilderError(f"{where}: holds no images: {shape}")
    return torch.from_numpy(np.ascontiguousarray(_as_uint8_or_float32(where, array)))


def _are_channels_last(shape: tuple[int, ...]) -> bool:
    """Return whether the last of three axes is that of channels: C x H x W or H x W x C.

    One of 1 or 3 is; else one beside a square; else the shorter one; the last, where that does not decide.
    """
    first, middle, last = shape
    for is_last, is_first in (
        (last in (1, 3), first in (1, 3)),
        (first == middle, middle == last),
        (last < first, first < last),
    ):
        if is_last or is_first:
            return is_last
    return True


def _as_uint8_or_float32(where: str, array: Array) -> Array:
    """Convert images to uint8 or float32; raise an error if float32 cannot hold a value exactly."""
    if array.dtype in (np.uint8, np.bool_):
        return array.astype(np.uint8)
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # overflow gives inf, which the check below finds
            array = array.astype(np.float32)
        wrong = np.argwhere(~np.isfinite(array).all(axis=(1, 2, 3)))
        if len(wrong):
            raise ArchbuilderError(f"{where}: image {int(wrong[0, 0]):,} has a value that is not a finite float32")
        return array
    if array.dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        if low < -_LARGEST or high > _LARGEST:
            bounds = f"found values from {low:,} to {high:,}, expected at most {_LARGEST:,} either way"
            raise ArchbuilderError(f"{where}: {bounds}, which float32 holds exactly")
        return array.astype(np.float32)
    raise ArchbuilderError(f"{where}: found values of the type {array.dtype}, expected uint8, floats or integers")


def _labels(where: str, array: Array) -> Tensor:
    """Return labels as N, int64."""
    if not (array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)):
        shape = " x ".join(map(str, array.shape)) or "a single number"
        hint = "; for one column a class, save labels.argmax(axis=1)" if array.ndim == 2 else ""
        raise ArchbuilderError(f"{where}: found {shape}, expected N or N x 1 integers{hint}")
    values = array.reshape(-1)
    if values.dtype.kind not in "iuf" or not np.array_equal(values, np.floor(values)):
        found = f"of the type {values.dtype}" if values.dtype.kind not in "iuf" else "with fractions"
        raise ArchbuilderError(f"{where}: found labels {found}, expected integers")
    if len(values) and not -_LARGEST <= float(values.min()) <= float(values.max()) <= _LARGEST:
        raise ArchbuilderError(f"{where}: found labels from {values.min()} to {values.max()}, expected small numbers")
    return torch.from_numpy(values.astype(np.int64))


FORMAT = Format("npz", "npz:PATH", load_npz)
