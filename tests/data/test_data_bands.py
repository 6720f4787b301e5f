"""TIFF files of several pages or many bands, all of which are channels."""

import contextlib
import io
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from archbuilder import NetworkSpec, TrainSettings, evaluate_checkpoint, load_data, read_checkpoint, train_spec
from archbuilder.data import ImageSet, parse_address
from archbuilder.data.bands import MissingPackage, read_bands, read_bands_header
from archbuilder.data.decode import Target, read_image
from archbuilder.data.file_images import FileImages
from archbuilder.data.folder import load_folder
from archbuilder.errors import ArchbuilderError

Write = Callable[[Path, Any], None]
RANDOM = np.random.default_rng(0)


def paged(path: Path, bands: Any) -> None:
    """Write a page for each band, with Pillow."""
    first, *others = (Image.fromarray(band) for band in bands)
    first.save(path, format="TIFF", save_all=True, append_images=others)


def contiguous(path: Path, bands: Any) -> None:
    """Write one page with the bands of each pixel together."""
    pixels = np.ascontiguousarray(np.moveaxis(bands, 0, -1))
    tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig")


def planar(path: Path, bands: Any) -> None:
    """Write one page with each band for itself."""
    tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="separate")


WRITERS = [paged, contiguous, planar]


def values(kind: str, channels: int = 5, height: int = 7, width: int = 6) -> Any:
    return (RANDOM.random((channels, height, width)) * 250).astype(kind)


def read(path: Path) -> Any:
    with path.open("rb") as file:
        header = read_bands_header(file)
    with path.open("rb") as file:
        bands = read_bands(file)
    assert (header.channels, header.height, header.width) == bands.shape
    assert header.dtype == str(bands.dtype)
    return bands


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("kind", ["uint8", "uint16", "int32", "float32"])
def test_every_value_of_every_band_is_kept(tmp_path: Path, write: Write, kind: str) -> None:
    bands = values(kind)
    write(tmp_path / "a.tif", bands)
    found = read(tmp_path / "a.tif")
    assert found.dtype == ("uint8" if kind == "uint8" else "float32")
    assert np.array_equal(found, bands)


@pytest.mark.parametrize("kind", ["int8", "int16", "uint32", "float64"])
def test_values_that_pillow_would_change_are_kept_too(tmp_path: Path, kind: str) -> None:
    bands = (values("float64") - 100).astype(kind) if kind != "uint32" else values("uint32")
    tifffile.imwrite(tmp_path / "a.tif", bands, photometric="minisblack")
    assert np.array_equal(read(tmp_path / "a.tif"), bands.astype(np.float32))


def test_transparency_and_16_bits_of_colors_are_kept(tmp_path: Path) -> None:
    bands = values("uint8", 4)
    Image.fromarray(np.ascontiguousarray(np.moveaxis(bands, 0, -1)), "RGBA").save(tmp_path / "a.tif")
    assert np.array_equal(read(tmp_path / "a.tif"), bands)
    deep = values("uint16", 3) * 250
    tifffile.imwrite(tmp_path / "b.tif", np.moveaxis(deep, 0, -1), photometric="rgb")
    assert np.array_equal(read(tmp_path / "b.tif"), deep)


def test_overviews_and_masks_are_no_channels(tmp_path: Path) -> None:
    bands = values("uint8", 3)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(np.moveaxis(bands, 0, -1), photometric="rgb")
        writer.write(np.moveaxis(bands[:, ::2, ::2], 0, -1), photometric="rgb", subfiletype=1)
        writer.write(bands[0] > 100, photometric="minisblack", subfiletype=4)
    assert np.array_equal(read(tmp_path / "a.tif"), bands)
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        writer.write(bands[0], photometric="minisblack")
        writer.write(bands[0, ::2, ::2], photometric="minisblack", subfiletype=1)
    assert np.array_equal(read(tmp_path / "b.tif"), bands[:1])


def write_folder(folder: Path, write: Write, kind: str = "uint16", **sizes: int) -> Path:
    """Write ten files of each of two classes, of which the second is brighter."""
    for label in range(2):
        (folder / f"class{label}").mkdir(parents=True)
        for number in range(10):
            write(folder / f"class{label}" / f"{number}.tif", values(kind, **sizes) // 2 + 100 * label)
    return folder


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_a_folder_gives_every_band_held_or_streamed(tmp_path: Path, write: Write, kind: str) -> None:
    folder = write_folder(tmp_path / "set", write, kind)
    address = parse_address(f"folder:{folder}@bands")
    held, streamed = load_folder(address).train, load_folder(address, most_held=0).train
    assert isinstance(held, ImageSet)
    assert isinstance(streamed, FileImages)
    assert held.shape == streamed.shape == (5, 7, 6)
    assert held.images.dtype == (torch.uint8 if kind == "uint8" else torch.float32)
    (batch,) = streamed.batches([torch.arange(20)])
    assert torch.equal(batch.images, held.images)
    with (folder / "class1" / "3.tif").open("rb") as file:
        assert np.array_equal(held.images[13].numpy(), read_bands(file))
    assert torch.equal(held.digests(), streamed.digests())


def test_a_size_resizes_each_band_as_pillow_resizes_floats(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", planar, height=9, width=9)
    images = load_folder(parse_address(f"folder:{folder}@5@bands")).train
    assert isinstance(images, ImageSet)
    assert images.shape == (5, 5, 5)
    with (folder / "class0" / "0.tif").open("rb") as file:
        bands = read_bands(file)
    for found, band in zip(images.images[0].numpy(), bands, strict=True):
        assert np.array_equal(found, np.asarray(Image.fromarray(band).resize((5, 5), Image.Resampling.BILINEAR)))


SPEC = """
name: bands
input: {channels: 5, height: 6, width: 6}
classes: 2
layers:
  - {name: conv, type: conv, out: 4, kernel: 3}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 2}
"""


def test_a_network_of_five_channels_trains_is_evaluated_and_reads_images(tmp_path: Path) -> None:
    folder, run = write_folder(tmp_path / "set", contiguous), tmp_path / "run"
    recipe = TrainSettings(epochs=6, batch_size=4, flip=True, resized_crop=0.5, mixup=0.2, learning_rate=0.05)
    result = train_spec(NetworkSpec.from_text(SPEC, "bands.yaml"), f"folder:{folder}@6@bands", run, settings=recipe)
    assert result.best.validation_accuracy == 1.0
    assert evaluate_checkpoint(run).evaluation.accuracy == 1.0
    new = write_folder(tmp_path / "new", paged)
    assert evaluate_checkpoint(run, f"folder:{new}@6").evaluation.accuracy == 1.0  # as its network has five channels
    images = read_checkpoint(run).read_images([new / "class0" / "0.tif", new / "class1" / "0.tif"])
    assert (images.shape, images.dtype) == ((2, 5, 6, 6), torch.float32)
    with pytest.raises(ArchbuilderError, match=r"the spec takes 5 x 6 x 6 \(channels x height x width\), the "):
        train_spec(NetworkSpec.from_text(SPEC, "bands.yaml"), f"folder:{folder}@8@bands", tmp_path / "other")


def nan(path: Path) -> None:
    planar(path, np.full((5, 7, 6), np.nan, dtype=np.float32))


def other_pages(path: Path) -> None:
    with tifffile.TiffWriter(path) as writer:
        writer.write(values("uint16", 1)[0], photometric="minisblack")
        writer.write(values("uint16", 1)[0, ::2], photometric="minisblack")


def turned(path: Path) -> None:
    tifffile.imwrite(path, values("uint16"), photometric="minisblack", extratags=[(274, "H", 1, 6, True)])


def palette(path: Path) -> None:
    Image.fromarray(values("uint8", 1)[0]).convert("P").save(path)


def png(path: Path) -> None:
    Image.fromarray(values("uint8", 1)[0]).save(path, format="PNG")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (nan, r"/3\.tif: the image cannot be read: it has a value that is not a finite float32"),
        (other_pages, r"its pages differ in size: page 2 is 4 x 6, the first is 7 x 6"),
        (turned, r"its orientation tag is 6; save it upright, for @bands does not turn it"),
        (palette, r"its pixels are places in a palette, not values"),
        (png, r"it is no TIFF file; only these hold any number of bands"),
        (lambda path: path.write_bytes(b"II*\0"), r"3\.tif: the image cannot be read: "),
        (lambda path: planar(path, values("uint16", 4)), r"images differ in bands: .*3\.tif has 4, .*0\.tif has 5$"),
        (
            lambda path: planar(path, values("uint16", height=9)),
            r"images differ in size: .*3\.tif is 9 x 6, .* is 7 x 6; a size scales them all: folder:.*@6@bands$",
        ),
        (
            lambda path: planar(path, values("uint32") + 2**25),
            r"it has integers above 16,777,216, which float32 ",
        ),
        (lambda path: planar(path, values("complex64")), r"its values are complex64, expected integers or floats"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    folder = write_folder(tmp_path / "set", planar)
    spoil(folder / "class0" / "3.tif")
    with pytest.raises(ArchbuilderError, match=message):
        load_data(f"folder:{folder}@bands")


@pytest.mark.parametrize(
    ("kind", "sizes", "message"),
    [
        ("uint8", {"channels": 4}, r"it has 4 bands, expected 5"),
        ("uint8", {"height": 9}, r"it is 9 x 6, expected 7 x 6; a size such as @224 before @bands scales all images"),
        ("uint16", {}, r"its values are not bytes, as those of the first images are"),
    ],
)
def test_what_no_header_was_read_of_is_named_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, sizes: dict[str, int], message: str
) -> None:
    folder = write_folder(tmp_path / "set", planar, "uint8")
    planar(folder / "class0" / "3.tif", values(kind, **sizes))
    monkeypatch.setattr("archbuilder.data.folder._COLORS_READ", 2)
    with pytest.raises(ArchbuilderError, match=message):
        load_data(f"folder:{folder}@bands")


def test_without_tifffile_pages_are_read_and_many_bands_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, bands = write_folder(tmp_path / "pages", paged), write_folder(tmp_path / "bands", contiguous)
    monkeypatch.setitem(sys.modules, "tifffile", None)
    assert load_data(f"folder:{pages}@bands").image_shape == (5, 7, 6)
    message = r"0\.tif: TIFF files with several bands in a page need tifffile: pip install 'archbuilder\[tiff\]'$"
    with pytest.raises(MissingPackage, match=message):
        load_data(f"folder:{bands}@bands")


@pytest.mark.skipif(find_spec("imagecodecs") is not None, reason="imagecodecs is installed")
@pytest.mark.parametrize("skip_broken", [False, True])
def test_a_compression_that_tifffile_cannot_read_alone_says_what_to_install(tmp_path: Path, skip_broken: bool) -> None:
    def compressed(path: Path, bands: Any) -> None:
        Image.fromarray(np.ascontiguousarray(np.moveaxis(bands, 0, -1)), "RGBA").save(path, compression="tiff_lzw")

    folder = write_folder(tmp_path / "set", compressed, "uint8", channels=4)
    with pytest.raises(MissingPackage, match=r"its compression needs imagecodecs: pip install 'archbuilder\[tiff\]'$"):
        load_data(f"folder:{folder}@bands", skip_broken=skip_broken)


def test_without_the_word_pages_are_counted_and_many_bands_say_how_to_read_them(tmp_path: Path) -> None:
    pages, bands = write_folder(tmp_path / "pages", paged), write_folder(tmp_path / "bands", contiguous)
    data = load_data(f"folder:{pages}")
    assert data.image_shape == (1, 7, 6)
    assert "20 files hold several frames; only the first is read (@bands at the end of the" in data.statement
    with pytest.raises(ArchbuilderError, match=r"its bands are not those of a gray or RGB image; @bands at the end of"):
        load_data(f"folder:{bands}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@settings(max_examples=150)
@given(place=st.integers(0, 400), change=st.binary(min_size=1, max_size=4), cut=st.integers(0, 400))
def test_a_damaged_file_is_read_or_an_error_and_nothing_else(folder: Path, place: int, change: bytes, cut: int) -> None:
    for write in (paged, planar):
        content = bytearray(_written(write))
        content[place : place + len(change)] = change
        whole = bytes(content[: len(content) - cut])
        path = folder / "damaged.tif"
        path.write_bytes(whole)
        with contextlib.suppress(ArchbuilderError):
            assert read_image(path, Target(3, 5, 4, scaled=True, bands=True, dtype="float32")).shape == (3, 5, 4)


def _written(write: Write, cache: dict[str, bytes] = {}) -> bytes:  # noqa: B006 - it is a cache
    if write.__name__ not in cache:
        file = io.BytesIO()
        write(file, np.arange(60, dtype=np.uint16).reshape(3, 5, 4))  # type: ignore[arg-type]
        cache[write.__name__] = file.getvalue()
    return cache[write.__name__]
