"""A folder of images: one subfolder a class."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from archbuilder.data.address import Address
from archbuilder.data.decode import SUFFIXES, Header, Target, read_header
from archbuilder.data.file_images import FileImages
from archbuilder.data.files import folder_of, listed, names_in, shown
from archbuilder.data.images import MOST_HELD, Images
from archbuilder.data.raw import RawData
from archbuilder.errors import ArchbuilderError

_SPLITS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
_HEADERS_READ = 5_000
_COLOURS_READ = 1_000
_LAYOUT = "expected one subfolder a class with its images inside, such as cats/1.jpg and dogs/2.jpg"


def load_folder(address: Address, *, most_held: int = MOST_HELD) -> RawData:
    """Load a folder of images, into memory if they fit.

    Args:
        address: The folder and, where its images differ in size, the size to bring them to.
        most_held: More bytes than this are read from their files whenever they are needed.
    """
    folders = _parts(folder_of(address))
    names, found = _classes(folders)
    files = [path for paths in found.values() for path, _ in paths]
    target = _target(files, address)
    parts: dict[str, Images] = {}
    held = len(files) * target.channels * target.height * target.width <= most_held
    for part, pairs in found.items():
        labels = torch.tensor([label for _, label in pairs], dtype=torch.int64)
        images = FileImages(tuple(path for path, _ in pairs), labels, target)
        parts[part] = images.held() if held else images
    return RawData(parts["train"], names, test=parts.get("test"), validation=parts.get("validation"))


def _parts(folder: Path) -> dict[str, Path]:
    """Find the folder of each split: the folder itself, unless it holds `train` and another one."""
    found: dict[str, Path] = {}
    for path in _subfolders(folder):
        part = _SPLITS.get(path.name.lower())
        if part in found:
            message = f"found {found[part].name} and {path.name}, expected one folder of images for {part}"
            raise ArchbuilderError(f"{shown(folder)}: {message}")
        if part:
            found[part] = path
    return found if "train" in found and len(found) > 1 else {"train": folder}


def _classes(folders: dict[str, Path]) -> tuple[tuple[str, ...], dict[str, list[tuple[Path, int]]]]:
    """Find the classes, and the files and labels of each split."""
    classes = {part: [path.name for path in _subfolders(folder)] for part, folder in folders.items()}
    for part, folder in folders.items():
        loose = [name for name in names_in(folder) if _is_image(name)]
        if not classes[part]:
            found = f"found {len(loose):,} images and no subfolders" if loose else "found no subfolders"
            raise ArchbuilderError(f"{shown(folder)}: {found}, {_LAYOUT}")
        if loose:
            raise ArchbuilderError(f"{shown(folder)}: {listed(loose)} lie beside the subfolders, {_LAYOUT}")
    names = classes["train"]
    for part, there in classes.items():
        _check_same(folders, part, names, there)
    files = {part: [_images(folder / name) for name in names] for part, folder in folders.items()}
    pairs = {
        part: [(path, label) for label, paths in enumerate(lists) for path in paths] for part, lists in files.items()
    }
    return tuple(names), pairs


def _check_same(folders: dict[str, Path], part: str, names: list[str], found: list[str]) -> None:
    missing, unknown = sorted(set(names) - set(found)), sorted(set(found) - set(names))
    if missing or unknown:
        what = [f"lacks {listed(missing)}"] if missing else []
        what += [f"has {listed(unknown)}, which is not there"] if unknown else []
        raise ArchbuilderError(
            f"{shown(folders[part])}: expected the same classes as in {shown(folders['train'])}, "
            f"but it {' and '.join(what)}"
        )


def _subfolders(folder: Path) -> list[Path]:
    return [folder / name for name in names_in(folder) if (folder / name).is_dir()]


def _is_image(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def _images(folder: Path) -> list[Path]:
    """Find the images of a class, also those in folders below, in an order that no file system decides."""
    found = []
    for place, below, names in os.walk(folder, onerror=_refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [Path(place) / name for name in names if _is_image(name)]
    if not found:
        known = ", ".join(sorted(suffix.removeprefix(".") for suffix in SUFFIXES))
        raise ArchbuilderError(f"{shown(folder)}: no images of this class; files that count end in {known}")
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise ArchbuilderError(f"{shown(error.filename)}: cannot be read: {error.strerror}") from error


def _target(files: Sequence[Path], address: Address) -> Target:
    """Look at files, spread evenly, for what all images are brought to."""
    headers = {path: read_header(path) for path in _spread(files, _COLOURS_READ if address.size else _HEADERS_READ)}
    channels = 1 if all(headers[path].grey for path in _spread(list(headers), _COLOURS_READ)) else 3
    if address.size:
        return Target(channels, *address.size, scaled=True)
    return Target(channels, *_only_size(headers, address), scaled=False)


def _only_size(headers: dict[Path, Header], address: Address) -> tuple[int, int]:
    sizes = Counter((header.height, header.width) for header in headers.values())
    (common, _), *_ = sizes.most_common(1)
    for path, header in headers.items():
        if (header.height, header.width) != common:
            like = next(other for other, seen in headers.items() if (seen.height, seen.width) == common)
            raise ArchbuilderError(
                f"{address.text}: images differ in size: {shown(path)} is {header.height} x {header.width}, "
                f"{shown(like)} is {common[0]} x {common[1]}; a size scales them all: {address.text}@{min(common)}"
            )
    return common


def _spread(files: Sequence[Path], most: int) -> list[Path]:
    """Give at most so many files, spread evenly."""
    return [files[len(files) * i // most] for i in range(most)] if len(files) > most else list(files)
