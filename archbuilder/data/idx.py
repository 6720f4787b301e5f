"""Load data sets in the format of MNIST: four files, each a header and bytes."""

import re
import struct
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from archbuilder.data.address import Address
from archbuilder.data.files import folder_of, names_text, open_decompressed, path_text, visible_names
from archbuilder.data.format import Format
from archbuilder.data.images import ImageSet
from archbuilder.data.labels import from_zero
from archbuilder.data.raw import RawData
from archbuilder.errors import ArchbuilderError

_NAME = re.compile(
    r"(?:.*[-_])?(train|t10k|test)-(images[-.]idx3|labels[-.]idx1)-ubyte(?:\.gz)?"
)  # EMNIST has a prefix
_USUAL_NAMES = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}
_MAGIC = {"images": 0x00000803, "labels": 0x00000801}  # unsigned bytes of rank 3 and of rank 1
_CHUNK = 1 << 20


def load_idx(address: Address) -> RawData:
    """Load a data set in the format of MNIST, its files gzipped or not.

    The format is described at the end of http://yann.lecun.com/exdb/mnist; Fashion-MNIST, KMNIST and EMNIST share it.
    """
    folder = folder_of(address)
    files = _find(folder)
    images = {part: _read(files[part, "images"], "images") for part in ("train", "test")}
    paths = {part: files[part, "labels"] for part in ("train", "test")}
    labels = {part: _read(path, "labels") for part, path in paths.items()}
    for part, found in labels.items():
        if len(found) != len(images[part]):
            counts = f"found {len(images[part]):,} images and {len(found):,} labels, expected one label per image"
            raise ArchbuilderError(f"{path_text(paths[part])}: {counts}")
    if images["test"].shape[1:] != images["train"].shape[1:]:
        sizes = [" x ".join(map(str, images[part].shape[2:])) for part in ("test", "train")]
        message = f"found images of {sizes[0]}, expected {sizes[1]} as in the training images"
        raise ArchbuilderError(f"{path_text(files['test', 'images'])}: {message}")
    names, numbered = from_zero({path_text(paths[part]): labels[part] for part in labels})
    train, test = (ImageSet(images[part], numbered[path_text(paths[part])]) for part in ("train", "test"))
    return RawData(train, names, test=test)


def _find(folder: Path) -> dict[tuple[str, str], Path]:
    """Return the path of each of the four files; a plain file is preferred to a gzipped one."""
    file_names = visible_names(folder)
    found: dict[tuple[str, str], dict[str, Path]] = {role: {} for role in _USUAL_NAMES}
    for name in reversed(file_names):  # "a.gz" comes before "a", which overwrites it
        if match := _NAME.fullmatch(name):
            role = ("train" if match[1] == "train" else "test", match[2][:6])  # images or labels
            found[role][name.removesuffix(".gz")] = folder / name
    missing = [_USUAL_NAMES[role] for role, paths in found.items() if not paths]
    if missing:
        raise ArchbuilderError(
            f"{path_text(folder)}: missing {', '.join(missing)} (each may end in .gz); found {names_text(file_names)}"
        )
    for role, paths in found.items():
        if len(paths) > 1:
            names = names_text(sorted(paths))
            raise ArchbuilderError(
                f"{path_text(folder)}: several files are like {_USUAL_NAMES[role]}: {names}; "
                "give each data set its own folder"
            )
    return {role: next(iter(paths.values())) for role, paths in found.items()}


def _read(path: Path, what: str) -> Tensor:
    """Read the images (N x 1 x H x W, uint8) or the labels (N, int64) of a file."""
    with open_decompressed(path) as file:
        shape, data = _parse(path, what, file)
    values = torch.frombuffer(data, dtype=torch.uint8)
    return values.reshape(shape[0], 1, *shape[1:]) if what == "images" else values.to(torch.int64)


def _parse(path: Path, what: str, file: IO[bytes]) -> tuple[tuple[int, ...], bytearray]:
    """Read the header and the data of an IDX file; return the shape and the bytes."""
    dimensions = 3 if what == "images" else 1
    length = 4 * (1 + dimensions)
    header = file.read(length)
    if len(header) >= 4 and (magic := struct.unpack(">I", header[:4])[0]) != _MAGIC[what]:
        expected = f"expected 0x{_MAGIC[what]:08x} of a file of {what}"
        raise ArchbuilderError(f"{path_text(path)}: found the magic number 0x{magic:08x}, {expected}")
    if len(header) < length:
        raise ArchbuilderError(f"{path_text(path)}: found {len(header)} bytes, expected a header of {length}")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if 0 in shape:
        raise ArchbuilderError(f"{path_text(path)}: has no {what}: its header says {' x '.join(map(str, shape))}")
    size = 1
    for count in shape:
        size *= count
    data, read_bytes = bytearray(), 0
    while chunk := file.read(_CHUNK):  # in chunks: a damaged header may declare more bytes than fit in memory
        data += chunk[: size - len(data)]
        read_bytes += len(chunk)
    if read_bytes != size:
        layout = f"a header of {length} and {' x '.join(f'{count:,}' for count in shape)}"
        diagnosis = "the file is cut off" if read_bytes < size else "it has bytes beyond them"
        message = f"found {read_bytes + length:,} bytes, expected {size + length:,} ({layout}): {diagnosis}"
        raise ArchbuilderError(f"{path_text(path)}: {message}")
    return shape, data


FORMAT = Format("idx", "idx:PATH", load_idx)
