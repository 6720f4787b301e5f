"""Images that stream from their files are the images that are held, whoever reads them."""

import multiprocessing
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archbuilder.data import Batch, ImageSet, parse_address
from archbuilder.data.file_images import FileImages
from archbuilder.data.folder import load_folder
from archbuilder.data.images import Images
from archbuilder.data.normalizer import measure
from archbuilder.data.splits import split
from archbuilder.errors import ArchbuilderError

COUNT = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write images of all sizes, as JPEG and PNG."""
    place = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for number in range(COUNT):
        (place / f"class{number % 2}").mkdir(exist_ok=True)
        pixels = random.integers(0, 256, (20 + number, 50 - number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"class{number % 2}" / f"{number}.{'png' if number % 3 else 'jpg'}")
    return place


def load(folder: Path, most_held: int) -> Images:
    return load_folder(parse_address(f"folder:{folder}@16"), most_held=most_held).train


@pytest.fixture(scope="module")
def held(folder: Path) -> ImageSet:
    images = load(folder, COUNT * 3 * 16 * 16)
    assert isinstance(images, ImageSet)
    return images


@pytest.fixture(scope="module")
def streamed(folder: Path) -> FileImages:
    images = load(folder, COUNT * 3 * 16 * 16 - 1)
    assert isinstance(images, FileImages)
    return images


ORDER = [torch.tensor([5, 3, 3, 20]), torch.tensor([0]), torch.arange(23, -1, -1), torch.tensor([7, 8])]


def assert_equal(some: list[Batch], others: list[Batch]) -> None:
    assert len(some) == len(others) == len(ORDER)
    for a, b in zip(some, others, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.labels, b.labels)
        assert (a.images.dtype, a.labels.dtype) == (torch.uint8, torch.int64)


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_batches_are_those_held(held: ImageSet, streamed: FileImages, workers: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batches = list(streamed.batches(ORDER, workers=workers))
    assert_equal(batches, list(held.batches(ORDER, workers=workers)))
    batches[0].images.add_(1)  # the memory is ours to write


def test_taken_images_stream_too(held: ImageSet, streamed: FileImages) -> None:
    indices = torch.tensor([9, 2, 23, 2])
    order = [torch.tensor([3, 0]), torch.tensor([2])]
    for a, b in zip(streamed.take(indices).batches(order), held.take(indices).batches(order), strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.labels, b.labels)


def held_images(images: FileImages) -> torch.Tensor:
    found = images.scan(kept=True).images
    assert isinstance(found, ImageSet)
    return found.images


def test_streams_are_split_and_measured_as_what_is_held(folder: Path) -> None:
    address = parse_address(f"folder:{folder}@16")
    one, other = (split("x", load_folder(address, most_held=most), seed=1) for most in (0, 10**9))
    assert isinstance(one.train, FileImages)
    assert isinstance(other.train, ImageSet)
    assert torch.equal(held_images(one.train), other.train.images)
    assert (one.normalizer, one.statement) == (other.normalizer, other.statement)


def test_nothing_to_read_starts_no_process(streamed: FileImages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archbuilder.data.file_images.DataLoader", None)
    assert list(streamed.batches([], workers=2)) == []


def test_streams_stay_where_they_are(streamed: FileImages, held: ImageSet) -> None:
    assert streamed.to(torch.device("meta")) is streamed
    assert held.to(torch.device("meta")).images.device.type == "meta"
    assert (len(streamed), streamed.shape) == (len(held), held.shape) == (COUNT, (3, 16, 16))
    assert repr(streamed) == "FileImages(24 images of 3 x 16 x 16)"


def test_a_reader_that_stops_early_leaves_nothing_behind(streamed: FileImages) -> None:
    batches = streamed.batches(ORDER, workers=2)
    assert len(next(iter(batches)).labels) == 4
    del batches


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_is_damaged_later_is_named_and_no_traceback_is_shown(
    streamed: FileImages, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "bad.png").write_bytes(streamed.paths[1].read_bytes()[:200])
    images = FileImages((streamed.paths[0], tmp_path / "bad.png"), torch.tensor([0, 1]), streamed.target)
    batches = images.batches([torch.tensor([0]), torch.tensor([0, 1])], workers=workers)
    next(iter(batches))  # the first one is whole
    with pytest.raises(
        ArchbuilderError,
        match=r"^\S+bad\.png: the image cannot be read: [^\n]*; fix or [^\n]* it with skip_broken=True$",
    ):
        next(iter(batches))
    assert list(images.scan(kept=True).broken) == [tmp_path / "bad.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_a_process_that_ends_unexpectedly_is_explained(streamed: FileImages) -> None:
    batches = streamed.batches([torch.arange(4)] * 200, workers=1)
    next(iter(batches))
    for process in multiprocessing.active_children():
        process.kill()
    message = r"a process that reads images ended unexpectedly.*; use fewer workers \(there are 1\): DataLoader worker"
    with pytest.raises(ArchbuilderError, match=message):
        list(batches)


def test_measuring_reads_the_files(streamed: FileImages, held: ImageSet) -> None:
    assert measure(streamed) == measure(held)
