"""MNIST's format: read as it is published, and damaged in every way we could think of."""

import gzip
import os
import struct
from pathlib import Path

import pytest
import torch
from torch import Tensor

from archbuilder.data import ImageSet, load_data
from archbuilder.data.address import parse_address
from archbuilder.data.idx import load_idx
from archbuilder.errors import ArchbuilderError

FASHION = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(values: Tensor) -> bytes:
    shape = values.shape
    return struct.pack(f">I{len(shape)}I", 0x800 + len(shape), *shape) + bytes(
        values.to(torch.uint8).flatten().tolist()
    )


def images_of(count: int, height: int = 4, width: int = 5) -> Tensor:
    return torch.arange(count * height * width).remainder(251).reshape(count, height, width)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write 30 training images and 6 to test, of 3 classes."""
    for name, values in zip(
        NAMES, (images_of(30), torch.arange(30) % 3, images_of(6) + 1, torch.arange(6) % 3), strict=True
    ):
        (tmp_path / name).write_bytes(idx(values))
    return tmp_path


def test_fashion_mnist() -> None:
    if not FASHION.is_dir() and "ARCHBUILDER_TESTS_NEED_DATA" not in os.environ:
        pytest.skip(f"{FASHION} is not installed (Debian's package dataset-fashion-mnist)")
    data = load_data(f"idx:{FASHION}")
    assert (data.classes, data.image_shape) == (10, (1, 28, 28))
    assert data.statement.startswith(
        "54,000 training images, 6,000 validation images (10 % of every class by seed 0), 10,000"
    )
    assert data.train.labels.bincount().tolist() == [5400] * 10
    assert data.open_test().labels[:5].tolist() == [9, 2, 1, 1, 6]  # as published
    assert (data.normalizer.mean[0] / 255, data.normalizer.std[0] / 255) == pytest.approx((0.2860, 0.3530), abs=0.003)


def read(folder: Path) -> tuple[ImageSet, ImageSet]:
    data = load_idx(parse_address(f"idx:{folder}"))
    assert isinstance(data.train, ImageSet)
    assert isinstance(data.test, ImageSet)
    return data.train, data.test


def test_pixels_and_labels_are_those_of_the_files(folder: Path) -> None:
    train, test = read(folder)
    assert torch.equal(train.images.long(), images_of(30).unsqueeze(1))
    assert torch.equal(test.images.long(), images_of(6).unsqueeze(1) + 1)
    assert train.images.dtype == torch.uint8
    assert train.labels.tolist() == [0, 1, 2] * 10


def test_gzipped_with_a_prefix_and_beside_the_unpacked_file(folder: Path) -> None:
    plain = read(folder)
    for name in NAMES:
        path = folder / name
        renamed = folder / f"emnist-letters-{name.replace('t10k', 'test')}.gz"
        renamed.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    zipped = read(folder)
    assert all(torch.equal(a.images, b.images) for a, b in zip(plain, zipped, strict=True))
    zipped_file = folder / "emnist-letters-train-labels-idx1-ubyte.gz"
    zipped_file.with_suffix("").write_bytes(gzip.decompress(zipped_file.read_bytes()))
    zipped_file.write_bytes(b"no gzip file")  # not read: the open_decompressed one beside it is
    assert read(folder)[0].labels.tolist() == [0, 1, 2] * 10


def test_labels_that_begin_at_one_are_classes_from_zero_with_their_old_names(folder: Path) -> None:
    (folder / NAMES[1]).write_bytes(idx(1 + torch.arange(30) % 3))
    (folder / NAMES[3]).write_bytes(idx(1 + torch.arange(6) % 3))
    data = load_idx(parse_address(f"idx:{folder}"))
    assert data.class_names == ("1", "2", "3")
    assert data.train.labels.tolist() == [0, 1, 2] * 10
    assert data.test is not None
    assert data.test.labels.tolist() == [0, 1, 2] * 2


def change(folder: Path, which: int, content: bytes) -> str:
    (folder / NAMES[which]).write_bytes(content)
    return f"idx:{folder}"


@pytest.mark.parametrize(
    ("which", "content", "message"),
    [
        (
            0,
            idx(torch.zeros(30)),
            r"train-images-idx3-ubyte: found the magic number 0x00000801, expected 0x00000803 of a",
        ),
        (
            1,
            idx(images_of(30)),
            r"train-labels-idx1-ubyte: found the magic number 0x00000803, expected 0x00000801 of a",
        ),
        (0, b"", r"train-images-idx3-ubyte: found 0 bytes, expected a header of 16$"),
        (0, idx(images_of(30))[:9], r"found 9 bytes, expected a header of 16$"),
        (
            0,
            idx(images_of(30))[:-1],
            r"found 615 bytes, expected 616 \(a header of 16 and 30 x 4 x 5\): the file is cut",
        ),
        (0, idx(images_of(30)) + b"ab", r"found 618 bytes, expected 616 .*: it has bytes beyond them$"),
        (
            0,
            struct.pack(">4I", 0x803, 2**32 - 1, 2**32 - 1, 9),
            r"found 16 bytes, expected 166,\d\d\d,\d\d\d,\d\d\d,\d\d\d,\d\d\d,\d\d\d \(",
        ),
        (0, idx(torch.zeros(0, 4, 5)), r"train-images-idx3-ubyte: has no images: its header says 0 x 4 x 5$"),
        (1, idx(torch.arange(29) % 3), r"train-labels.*: found 30 images and 29 labels, expected one label per image$"),
        (
            2,
            idx(images_of(6, 5, 4)),
            r"t10k-images.*: found images of 5 x 4, expected 4 x 5 as in the training images$",
        ),
        (
            3,
            idx(torch.arange(6)),
            r"t10k-labels-idx1-ubyte: found the label 3 at image 3, expected 0 to 2 as in .*train-",
        ),
        (1, idx(torch.arange(30) % 3 * 2), r"train-labels.*: labels run from 0 to 4, but these never occur: 1, 3$"),
        (1, idx(torch.zeros(30)), r"t10k-labels-idx1-ubyte: found the label 1 at image 1, expected 0 to 0"),
    ],
)
def test_damaged_files(folder: Path, which: int, content: bytes, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        load_data(change(folder, which, content))


@pytest.mark.parametrize("damage", ["cut", "flipped", "no gzip"])
def test_damaged_gzip(folder: Path, damage: str) -> None:
    path = folder / NAMES[0]
    whole = gzip.compress(path.read_bytes())
    middle = len(whole) // 2
    damaged = {
        "cut": whole[:middle],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :],
        "no gzip": b"<html>not found</html>",
    }
    path.unlink()
    (folder / f"{NAMES[0]}.gz").write_bytes(damaged[damage])
    with pytest.raises(
        ArchbuilderError, match=r"train-images-idx3-ubyte\.gz: the gzip file is damaged or cut off; fetch"
    ):
        load_data(f"idx:{folder}")


def test_missing_files_are_named_beside_those_found(folder: Path) -> None:
    (folder / NAMES[1]).unlink()
    (folder / NAMES[3]).unlink()
    message = (
        r"missing train-labels-idx1-ubyte, t10k-labels-idx1-ubyte \(each may end in \.gz\); "
        r"found t10k-images-idx3-ubyte, train-images-idx3-ubyte$"
    )
    with pytest.raises(ArchbuilderError, match=message):
        load_data(f"idx:{folder}")


def test_two_data_sets_in_one_folder(folder: Path) -> None:
    (folder / f"emnist-{NAMES[0]}").write_bytes(idx(images_of(3)))
    message = r"several files are like train-images-idx3-ubyte: emnist-train-.*, train-.*; give each data set its own"
    with pytest.raises(ArchbuilderError, match=message):
        load_data(f"idx:{folder}")


def test_a_file_that_may_not_be_read(folder: Path) -> None:
    (folder / NAMES[0]).unlink()
    (folder / NAMES[0]).mkdir()
    with pytest.raises(ArchbuilderError, match=r"train-images-idx3-ubyte: cannot be read: Is a directory$"):
        load_data(f"idx:{folder}")
