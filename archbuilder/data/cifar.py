"""Load the binary versions of CIFAR-10 and CIFAR-100: records of labels and 32 x 32 pixels in three planes."""

import tarfile
from dataclasses import dataclass
from pathlib import Path

import torch

from archbuilder.data.address import Address
from archbuilder.data.files import convert_read_errors, names_text, open_decompressed, path_text, visible_names
from archbuilder.data.format import Format
from archbuilder.data.images import ImageSet
from archbuilder.data.raw import RawData
from archbuilder.errors import ArchbuilderError

_PIXELS = 3 * 32 * 32
_LARGEST = 1 << 28  # bytes; the largest file as published has 153,700,000


@dataclass(frozen=True)
class _Version:
    """A version of the data set: the names of its files, and the layout of its records."""

    title: str
    folder: str
    archive: str
    train: tuple[str, ...]
    test: str
    names: str
    label_bytes: int
    classes: int
    pickled: str

    @property
    def files(self) -> tuple[str, ...]:
        return (*self.train, self.test, self.names)


_TEN = _Version(
    title="CIFAR-10",
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    test="test_batch.bin",
    names="batches.meta.txt",
    label_bytes=1,
    classes=10,
    pickled="data_batch_1",
)
_HUNDRED = _Version(
    title="CIFAR-100",
    folder="cifar-100-binary",
    archive="cifar-100-binary.tar.gz",
    train=("train.bin",),
    test="test.bin",
    names="fine_label_names.txt",
    label_bytes=2,  # the coarse label, then the fine one, which is the one used
    classes=100,
    pickled="train",
)


def load_cifar10(address: Address) -> RawData:
    """Load the binary version of CIFAR-10: https://www.cs.toronto.edu/~kriz/cifar.html."""
    return _load(address, _TEN)


def load_cifar100(address: Address) -> RawData:
    """Load the binary version of CIFAR-100, with its fine labels: https://www.cs.toronto.edu/~kriz/cifar.html."""
    return _load(address, _HUNDRED)


def _load(address: Address, version: _Version) -> RawData:
    """Load training and test images of a version from its folder or its archive."""
    place = address.expanded_path
    if not place.exists():
        raise ArchbuilderError(f"{address.text}: no such file or folder: {path_text(place)}")
    files = _from_folder(place, version) if place.is_dir() else _from_archive(place, version)
    lines = files[version.names].decode("utf-8", "replace").splitlines()
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != version.classes:
        where = f"{path_text(place)}: {version.names}"
        raise ArchbuilderError(f"{where}: found {len(names)} names, expected {version.classes}, one a line")
    train = [_records(place, name, files[name], version) for name in version.train]
    images, labels = (torch.cat([getattr(part, what) for part in train]) for what in ("images", "labels"))
    return RawData(ImageSet(images, labels), names, test=_records(place, version.test, files[version.test], version))


def _from_folder(folder: Path, version: _Version) -> dict[str, bytes]:
    """Read the files of a version from a folder, or from its usual subfolder; return them by name."""
    folder = folder / version.folder if (folder / version.folder).is_dir() else folder
    _check_complete(folder, visible_names(folder), version)
    found = {}
    for name in version.files:
        with convert_read_errors(folder / name):
            found[name] = (folder / name).read_bytes()
    return found


def _from_archive(path: Path, version: _Version) -> dict[str, bytes]:
    """Read the files inside the published archive; nothing is extracted to disk."""
    found: dict[str, bytes] = {}
    names = []
    try:
        with open_decompressed(path) as file, tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                name = member.name.rpartition("/")[2]
                names.append(name)
                if name in version.files and member.isfile() and member.size <= _LARGEST:
                    content = archive.extractfile(member)
                    assert content is not None
                    found[name] = content.read()
            while file.read(1 << 20):
                pass  # to the end, where gzip compares its checksum
    except tarfile.TarError as error:
        reason = "is not an archive of the binary version (.tar.gz), or it is damaged or cut off"
        raise ArchbuilderError(f"{path_text(path)}: {reason}") from error
    _check_complete(path, [name for name in names if name in found or name not in version.files], version)
    return found


def _check_complete(place: Path, names: list[str], version: _Version) -> None:
    """Raise an error if files of the binary version are missing."""
    missing = [name for name in version.files if name not in names]
    if missing and version.pickled in names:
        raise ArchbuilderError(
            f"{path_text(place)}: found the Python version of {version.title}, which is pickled and could run code "
            f"when read; the binary version is needed: {version.archive}"
        )
    if missing:
        message = f"missing {', '.join(missing)} of the binary version of {version.title}; found {names_text(names)}"
        raise ArchbuilderError(f"{path_text(place)}: {message}")


def _records(place: Path, name: str, data: bytes, version: _Version) -> ImageSet:
    """Return the images (N x 3 x 32 x 32, uint8) and the labels in the bytes of a file."""
    record = version.label_bytes + _PIXELS
    where = f"{path_text(place)}: {name}"
    if not data or len(data) % record:
        wanted = f"a multiple of {record:,}, the bytes of a record of {version.title}"
        raise ArchbuilderError(f"{where}: found {len(data):,} bytes, expected {wanted}: the file is cut off or another")
    rows = torch.frombuffer(bytearray(data), dtype=torch.uint8).reshape(-1, record)
    labels = rows[:, version.label_bytes - 1].to(torch.int64)
    wrong = (labels >= version.classes).nonzero().squeeze(1)
    if len(wrong):
        at = int(wrong[0])
        message = f"found the label {int(labels[at])} in record {at:,}, expected 0 to {version.classes - 1}"
        raise ArchbuilderError(f"{where}: {message} (records are counted from 0)")
    return ImageSet(rows[:, version.label_bytes :].reshape(-1, 3, 32, 32).contiguous(), labels)


CIFAR10 = Format("cifar10", "cifar10:PATH", load_cifar10)
CIFAR100 = Format("cifar100", "cifar100:PATH", load_cifar100)
