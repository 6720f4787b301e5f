"""Arrays of numpy: three ways to name them, many to be wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archbuilder.data import ImageSet, load_data, parse_address
from archbuilder.data.npz import load_npz
from archbuilder.data.raw import RawData
from archbuilder.errors import ArchbuilderError

COUNT = 24
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (COUNT, 6, 5, 3), dtype=np.uint8)
LABELS = np.arange(COUNT) % 3
TEST_IMAGES, TEST_LABELS = IMAGES[:6] ^ 255, LABELS[:6]


def save(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "set.npz", **arrays)
    return f"npz:{folder / 'set.npz'}"


def read(folder: Path, images: Any, labels: Any = LABELS) -> RawData:
    return load_npz(parse_address(save(folder, images=images, labels=labels)))


def pixels(data: RawData) -> torch.Tensor:
    assert isinstance(data.train, ImageSet)
    return data.train.images


def first_channels(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 1)))


def test_images_and_labels(tmp_path: Path) -> None:
    data = read(tmp_path, IMAGES)
    assert torch.equal(pixels(data), first_channels(IMAGES))
    assert data.train.labels.tolist() == LABELS.tolist()
    assert (data.class_names, data.test, data.validation) == (("0", "1", "2"), None, None)


def test_the_names_of_keras(tmp_path: Path) -> None:
    address = save(tmp_path, x_train=IMAGES, y_train=LABELS[:, None], x_test=TEST_IMAGES, y_test=TEST_LABELS[:, None])
    data = load_npz(parse_address(address))
    assert isinstance(data.test, ImageSet)
    assert torch.equal(data.test.images, first_channels(TEST_IMAGES))
    assert data.test.labels.tolist() == TEST_LABELS.tolist()
    assert data.validation is None


def test_the_names_of_medmnist(tmp_path: Path) -> None:
    np.savez_compressed(
        tmp_path / "bloodmnist.npz",
        train_images=IMAGES,
        train_labels=LABELS[:, None].astype(np.uint8),
        val_images=IMAGES[:9],
        val_labels=LABELS[:9, None].astype(np.uint8),
        test_images=TEST_IMAGES,
        test_labels=TEST_LABELS[:, None].astype(np.uint8),
    )
    data = load_data(f"npz:{tmp_path / 'bloodmnist.npz'}")
    assert data.statement == "24 training images, 9 validation images (provided), 6 test images (provided)"
    assert isinstance(data.train, ImageSet)
    assert torch.equal(data.train.images, first_channels(IMAGES))  # nothing is cut from it


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((COUNT, 6, 5), (1, 6, 5)),
        ((COUNT, 6, 5, 1), (1, 6, 5)),
        ((COUNT, 6, 5, 3), (3, 6, 5)),
        ((COUNT, 3, 6, 5), (3, 6, 5)),
        ((COUNT, 1, 6, 5), (1, 6, 5)),
        ((COUNT, 3, 5, 3), (3, 3, 5)),  # ambiguous: channels last
    ],
)
def test_where_channels_are(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, int, int]) -> None:
    images = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    data = read(tmp_path, images)
    assert data.train.shape == expected
    first = images[:, None] if images.ndim == 3 else images if images.shape[3] == 5 else np.moveaxis(images, 3, 1)
    assert np.array_equal(pixels(data).numpy(), first)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((4, 9, 8), (4, 9, 8)),  # the shorter of both ends
        ((9, 8, 4), (4, 9, 8)),
        ((8, 8, 13), (13, 8, 8)),  # beside a square, also where it is longer
        ((13, 8, 8), (13, 8, 8)),
        ((2, 1, 2), (2, 2, 1)),
        ((7, 7, 7), (7, 7, 7)),  # the last, where nothing decides
        ((5, 9, 5), (5, 5, 9)),
        ((2, 9, 1), (1, 2, 9)),  # one channel before all
        ((1, 9, 2), (1, 9, 2)),
    ],
)
def test_any_number_of_channels(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, int, int]) -> None:
    images = RANDOM.integers(0, 256, (COUNT, *shape), dtype=np.uint16)
    data = read(tmp_path, images)
    assert data.train.shape == expected
    is_first = shape in {(4, 9, 8), (13, 8, 8), (1, 9, 2)}
    assert np.array_equal(pixels(data).numpy(), images if is_first else np.moveaxis(images, 3, 1))
    sizes = " x ".join(map(str, expected))
    note = (f"images are read as {sizes} (channels x height x width)",)
    assert data.notes == (() if expected[0] == 1 else note)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "int16", "int64", ">u2", "bool"])
def test_kinds_of_numbers(tmp_path: Path, dtype: str) -> None:
    images = (IMAGES > 127) if dtype == "bool" else IMAGES.astype(dtype)
    found = pixels(read(tmp_path, images))
    assert found.dtype == (torch.uint8 if dtype == "bool" else torch.float32)
    assert torch.equal(found.to(torch.float64), first_channels(images.astype(np.float64)))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float64", ">i8"])
def test_kinds_of_labels(tmp_path: Path, dtype: str) -> None:
    data = read(tmp_path, IMAGES, (LABELS + 5).astype(dtype))
    assert data.train.labels.tolist() == LABELS.tolist()
    assert data.class_names == ("5", "6", "7")


def spoiled(value: float, dtype: str = "float64") -> Any:
    images = IMAGES.astype(dtype)
    images[7, 0, 0, 0] = value
    return images


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (spoiled(np.nan), LABELS, r"set\.npz: images: image 7 has a value that is not a finite float32$"),
        (spoiled(-np.inf), LABELS, r"images: image 7 has a value that is not a finite float32$"),
        (spoiled(1e300), LABELS, r"images: image 7 has a value that is not a finite float32$"),
        (
            spoiled(2**24 + 1, "int64"),
            LABELS,
            r"found values from 0 to 16,777,217, expected at most 16,777,216 either way",
        ),
        (
            IMAGES.astype("complex64"),
            LABELS,
            r"images: found values of the type complex64, expected uint8, floats or int",
        ),
        (IMAGES.astype(str), LABELS, r"images: found values of the type <U"),
        (
            IMAGES[0, 0],
            LABELS,
            r"images: found an array of 5 x 3, expected N x height x width, N x height x width x ch",
        ),
        (IMAGES[..., None], LABELS, r"images: found an array of 24 x 6 x 5 x 3 x 1, expected N x height x width, N x "),
        (IMAGES[:0], LABELS[:0], r"images: holds no images: 0 x 6 x 5 x 3$"),
        (IMAGES, LABELS[:-1], r"set\.npz: labels: found 23 labels for 24 images of images, expected one an image$"),
        (IMAGES, np.eye(3)[LABELS], r"labels: found 24 x 3, expected N or N x 1 integers; for one column a class"),
        (IMAGES, np.int64(3), r"labels: found a single number, expected N or N x 1 integers$"),
        (IMAGES, LABELS + 0.5, r"labels: found labels with fractions, expected integers$"),
        (IMAGES, LABELS * np.nan, r"labels: found labels with fractions"),
        (IMAGES, LABELS.astype(str), r"labels: found labels of the type <U21, expected integers$"),
        (IMAGES, LABELS * 2**40, r"labels: found labels from 0 to 2199023255552, expected small numbers$"),
        (
            IMAGES,
            LABELS * 1000,
            r"labels: labels run from 0 to 2000, but these never occur: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10$",
        ),
        (IMAGES, LABELS * 0, r"every training image is of the class '0', expected two classes or more$"),
        (
            np.array([IMAGES, None], dtype=object),
            LABELS,
            r"images: holds Python objects, which are pickled and could run",
        ),
        (
            IMAGES,
            np.array([1, "a"], dtype=object),
            r"labels: holds Python objects, .*; save it as an array of numbers$",
        ),
    ],
)
def test_arrays_that_are_no_data_set(tmp_path: Path, images: Any, labels: Any, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        load_data(save(tmp_path, images=images, labels=labels))


def test_images_and_labels_of_the_test_must_be_like_those_to_train(tmp_path: Path) -> None:
    keys = {"x_train": IMAGES, "y_train": LABELS, "x_test": TEST_IMAGES[:, 1:], "y_test": TEST_LABELS}
    with pytest.raises(
        ArchbuilderError,
        match=r"the test images are 3 x 5 x 5, but the training images are 3 x 6 x 5 \(channels x height x",
    ):
        load_data(save(tmp_path, **keys))
    with pytest.raises(
        ArchbuilderError, match=r"y_test: found the label 3 at image 2, expected 0 to 2 as in .*y_train$"
    ):
        load_data(
            save(tmp_path, **(keys | {"x_test": TEST_IMAGES, "y_test": TEST_LABELS + np.array([0, 0, 1, 0, 0, 0])}))
        )


def test_other_names_are_told_the_three_forms(tmp_path: Path) -> None:
    message = (
        r"set\.npz: found the arrays data, target, expected images, labels; or x_train, y_train, x_test, y_test; "
        r"or train_images, train_labels, val_images, val_labels, test_images, test_labels$"
    )
    with pytest.raises(ArchbuilderError, match=message):
        load_data(save(tmp_path, data=IMAGES, target=LABELS))


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    address = save(tmp_path, images=IMAGES, labels=LABELS)
    path = tmp_path / "set.npz"
    whole = path.read_bytes()
    for content in (whole[:-100], b"", b"<html>"):
        path.write_bytes(content)
        with pytest.raises(
            ArchbuilderError, match=r"set\.npz: is not an \.npz file \(a zip of numpy arrays\), or it is cut off$"
        ):
            load_data(address)
    path.write_bytes(whole[:500] + b"\xff\x00" * 50 + whole[600:])
    with pytest.raises(ArchbuilderError, match=r"set\.npz: the file is damaged: Bad CRC-32"):
        load_data(address)
    path.unlink()
    with pytest.raises(ArchbuilderError, match=r"no such file: .*set\.npz$"):
        load_data(address)
    path.mkdir()
    with pytest.raises(ArchbuilderError, match=r"found a folder, expected a file: .*set\.npz$"):
        load_data(address)
