"""A folder of images: one subfolder a class."""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from archbuilder.data.address import Address
from archbuilder.data.bands import BandsHeader, MissingPackage
from archbuilder.data.decode import SUFFIXES, ImageHeader, Target, read_band_sizes, read_header
from archbuilder.data.file_images import FileImages, broken_files_text
from archbuilder.data.files import convert_read_errors, folder_of, names_text, path_text, visible_names
from archbuilder.data.format import Format
from archbuilder.data.images import MOST_HELD, Images
from archbuilder.data.raw import RawData
from archbuilder.data.split_folders import find_splits
from archbuilder.errors import ArchbuilderError

_HEADERS_READ = 5_000
_COLORS_READ = 1_000
_LAYOUT = "expected one subfolder a class with its images inside, such as cats/1.jpg and dogs/2.jpg"


class _Part(NamedTuple):
    """The files of one split, and their labels."""

    paths: tuple[Path, ...]
    labels: torch.Tensor  # N, int64


def load_folder(address: Address, *, most_held: int = MOST_HELD) -> RawData:
    """Load a folder of images, into memory if they fit.

    Args:
        address: The folder and, where its images differ in size, the size to resize them to.
        most_held: The most bytes that are held in memory; larger data sets are read from their files batch by batch.

    Raises:
        ArchbuilderError: The layout of the folder is wrong, or images cannot be read; the message lists all of these.
    """
    folder = folder_of(address)
    folders, beside = find_splits(folder)
    ignored = Counter[str](beside)
    names, found = _find_classes(folders, ignored, same=not address.evaluation_only)
    files = [path for part in found.values() for path in part.paths]
    target, broken = _common_target(files, address)
    held = len(files) * math.prod(target.shape) * np.dtype(target.dtype).itemsize <= most_held
    parts: dict[str, Images] = {}
    with_more_frames = 0
    for name, part in found.items():
        images = FileImages(part.paths, part.labels, target)
        parts[name] = images
        # What is not held is read in full only where something is known to be broken, or may be left out.
        if held or broken or address.skip_broken:
            scan = images.scan(kept=held)
            parts[name] = scan.images
            with_more_frames += scan.with_more_frames
            broken |= scan.broken
    if broken and not address.skip_broken:
        raise ArchbuilderError(broken_files_text(broken))
    skipped = tuple(sorted(path_text(path.relative_to(folder)) for path in broken))
    notes = _ignored_texts(ignored)
    if with_more_frames:
        said = "several frames; only the first is read"
        if any(path.suffix.lower() in {".tif", ".tiff"} for path in files):
            said += " (@bands at the end of the address makes pages of TIFF files channels)"
        notes.append(_count_text(with_more_frames, f"holds {said}", f"hold {said}"))
    if skipped:
        notes.append(_count_text(len(skipped), "that cannot be read is skipped", "that cannot be read are skipped"))
    train = parts.get("train", FileImages((), torch.empty(0, dtype=torch.int64), target))
    return RawData(train, names, parts.get("test"), parts.get("validation"), tuple(notes), skipped)


def _count_text(count: int, one: str, more: str) -> str:
    return f"1 file {one}" if count == 1 else f"{count:,} files {more}"


def _ignored_texts(ignored: Counter[str]) -> list[str]:
    """Return sentences on the files and folders that are skipped, from their counts by extension or name."""
    notes = []
    if count := ignored.pop("", 0):
        notes.append(_count_text(count, "without an extension is skipped", "without an extension are skipped"))
    folders = sorted(name for name in ignored if name.endswith("/"))
    if folders:
        notes.append(f"{names_text(folders)} {'is' if len(folders) == 1 else 'are'} beside the splits and skipped")
    files = {name: count for name, count in sorted(ignored.items()) if not name.endswith("/")}
    if files:
        said = _count_text(sum(files.values()), "that is not an image is skipped", "that are not images are skipped")
        notes.append(f"{said} ({names_text(list(files))})")
    return notes


def _find_classes(
    folders: dict[str, Path], ignored: Counter[str], *, same: bool
) -> tuple[tuple[str, ...], dict[str, _Part]]:
    """Find the classes, and the files and labels of each split."""
    classes = {part: [path.name for path in _subfolders(folder)] for part, folder in folders.items()}
    for part, folder in folders.items():
        files = [name for name in visible_names(folder) if not (folder / name).is_dir()]
        loose = [name for name in files if _is_image(name)]
        ignored.update(Path(name).suffix.lower() for name in files if not _is_image(name))
        if not classes[part]:
            found = f"found {len(loose):,} images and no subfolders" if loose else "found no subfolders"
            raise ArchbuilderError(f"{path_text(folder)}: {found}, {_LAYOUT}")
        if loose:
            raise ArchbuilderError(f"{path_text(folder)}: {names_text(loose)} are beside the subfolders, {_LAYOUT}")
    if "train" in folders and same:
        for part, there in classes.items():
            _check_same_classes(folders, part, classes["train"], there)
    names = sorted({name for there in classes.values() for name in there})
    parts = {}
    for part, folder in folders.items():
        lists = {names.index(name): _find_images(folder / name, ignored, needed=same) for name in classes[part]}
        labels = [label for label, paths in lists.items() for _ in paths]
        paths = tuple(path for some in lists.values() for path in some)
        parts[part] = _Part(paths, torch.tensor(labels, dtype=torch.int64))
    return tuple(names), parts


def _check_same_classes(folders: dict[str, Path], part: str, names: list[str], found: list[str]) -> None:
    """Raise an error if the classes of a split differ from those of the training images."""
    missing, unknown = sorted(set(names) - set(found)), sorted(set(found) - set(names))
    if missing or unknown:
        what = [f"lacks {names_text(missing)}"] if missing else []
        what += [f"has {names_text(unknown)}, which is not there"] if unknown else []
        raise ArchbuilderError(
            f"{path_text(folders[part])}: expected the same classes as in {path_text(folders['train'])}, "
            f"but it {' and '.join(what)}"
        )


def _subfolders(folder: Path) -> list[Path]:
    return [folder / name for name in visible_names(folder) if (folder / name).is_dir()]


def _is_image(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def _find_images(folder: Path, ignored: Counter[str], *, needed: bool) -> list[Path]:
    """Return the images of a class, including those in subfolders, sorted by path.

    Links to folders are followed, each folder once.
    """
    above = {_device_and_inode(parent) for parent in folder.absolute().parents}
    seen = {_device_and_inode(folder)}
    found = []
    for place, below, names in os.walk(folder, onerror=_raise_unreadable, followlinks=True):
        kept = []
        for name in sorted(name for name in below if not name.startswith(".")):
            identity = _device_and_inode(Path(place) / name)
            if identity in above:
                where = path_text(Path(place) / name)
                raise ArchbuilderError(f"{where}: links to a folder above it, whose images are of other classes too")
            if identity not in seen:
                seen.add(identity)
                kept.append(name)
        below[:] = kept
        found += [Path(place) / name for name in names if _is_image(name)]
        ignored.update(Path(n).suffix.lower() for n in names if not n.startswith(".") and not _is_image(n))
    if needed and not found:
        known = ", ".join(sorted(suffix.removeprefix(".") for suffix in SUFFIXES))
        raise ArchbuilderError(f"{path_text(folder)}: no images of this class; the extensions of images are {known}")
    return sorted(found)


def _device_and_inode(folder: Path) -> tuple[int, int]:
    with convert_read_errors(folder):
        found = folder.stat()
    return found.st_dev, found.st_ino


def _raise_unreadable(error: OSError) -> None:
    raise ArchbuilderError(f"{path_text(error.filename)}: cannot be read: {error.strerror}") from error


def _common_target(files: Sequence[Path], address: Address) -> tuple[Target, dict[Path, str]]:
    """Return the size and channels that all images are converted to, by reading a sample of headers.

    Returns:
        The target, and the reason of each file of the sample that cannot be read.
    """
    if address.bands:
        return _common_bands(files, address)
    headers, broken = dict[Path, ImageHeader](), dict[Path, str]()
    for path in _evenly_spaced(files, _COLORS_READ if address.size else _HEADERS_READ):
        try:
            headers[path] = read_header(path)
        except ArchbuilderError as error:
            broken[path] = str(error)
    if not headers:
        raise ArchbuilderError(broken_files_text(broken) if broken else f"{address.text}: no images")
    gray = all(headers[path].gray for path in _evenly_spaced(list(headers), _COLORS_READ))
    channels = address.channels or (1 if gray else 3)
    scaled = address.size is not None
    height, width = address.size or _common_size(headers, address)
    return Target(channels, height, width, scaled, converted=address.channels is not None), broken


def _common_bands(files: Sequence[Path], address: Address) -> tuple[Target, dict[Path, str]]:
    """Return the same for `@bands`: the bands that all files have, and float32 unless all hold bytes."""
    headers, broken = dict[Path, BandsHeader](), dict[Path, str]()
    for path in _evenly_spaced(files, _COLORS_READ):
        try:
            headers[path] = read_band_sizes(path)
        except MissingPackage:
            raise
        except ArchbuilderError as error:
            broken[path] = str(error)
    if not headers:
        raise ArchbuilderError(broken_files_text(broken) if broken else f"{address.text}: no images")
    counts = Counter(header.channels for header in headers.values())
    (channels, _), *others = counts.most_common()
    if others:
        odd = next(path for path, header in headers.items() if header.channels != channels)
        like = next(path for path, header in headers.items() if header.channels == channels)
        raise ArchbuilderError(
            f"{address.text}: images differ in bands: {path_text(odd)} has {headers[odd].channels}, "
            f"{path_text(like)} has {channels}"
        )
    height, width = address.size or _common_size(headers, address)
    dtype = "uint8" if {header.dtype for header in headers.values()} == {"uint8"} else "float32"
    return Target(channels, height, width, address.size is not None, bands=True, dtype=dtype), broken


def _common_size(headers: Mapping[Path, ImageHeader | BandsHeader], address: Address) -> tuple[int, int]:
    sizes = Counter((header.height, header.width) for header in headers.values())
    (common, _), *_ = sizes.most_common(1)
    for path, header in headers.items():
        if (header.height, header.width) != common:
            wanted = _with_size(address, min(common))
            like = next(other for other, seen in headers.items() if (seen.height, seen.width) == common)
            raise ArchbuilderError(
                f"{address.text}: images differ in size: {path_text(path)} is {header.height} x {header.width}, "
                f"{path_text(like)} is {common[0]} x {common[1]}; a size scales them all: {wanted}"
            )
    return common


def _evenly_spaced(files: Sequence[Path], most: int) -> list[Path]:
    """Return at most `most` files, evenly spaced."""
    return [files[len(files) * i // most] for i in range(most)] if len(files) > most else list(files)


def _with_size(address: Address, size: int) -> str:
    has_colors = address.channels or address.bands
    path, at, colors = address.text.rpartition("@") if has_colors else (address.text, "", "")
    return f"{path}@{size}{at}{colors}"


FORMAT = Format("folder", "folder:PATH[@SIZE][@gray|@rgb|@bands]", load_folder)
