"""Images of every mode and format are read as Pillow shows them, or refused, or it is said what was not read."""

import io
import os
import socket
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archbuilder.data import ImageSet, load_data, parse_address
from archbuilder.data.decode import Target, read_header, read_image
from archbuilder.data.folder import load_folder
from archbuilder.errors import ArchbuilderError

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 4), dtype=np.uint8)
COLOR = RANDOM.integers(0, 256, (6, 4, 3), dtype=np.uint8)
FORMATS = ("PNG", "TIFF", "GIF", "BMP", "WEBP", "JPEG", "PPM")


def gray_palette() -> Image.Image:
    image = Image.fromarray(255 - GREY).convert("P")
    image.putpalette([255 - value for value in range(256) for _ in range(3)])
    return image


MODES: dict[str, Callable[[], Image.Image]] = {
    "1": lambda: Image.fromarray(GREY).convert("1"),
    "L": lambda: Image.fromarray(GREY),
    "LA": lambda: Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(GREY)]),
    "I;16": lambda: Image.fromarray(GREY.astype(np.uint16) * 256 + 7),
    "gray P": gray_palette,
    "P": lambda: Image.fromarray(COLOR).quantize(16),
    "RGB": lambda: Image.fromarray(COLOR),
    "RGBA": lambda: Image.fromarray(np.dstack([COLOR, GREY])),
    "CMYK": lambda: Image.fromarray(COLOR).convert("CMYK"),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_in_every_format(tmp_path: Path, mode: str, form: str) -> None:
    image = MODES[mode]()
    written = io.BytesIO()
    try:
        image.save(written, form, **({"lossless": True, "exact": True} if form == "WEBP" else {}))
    except (OSError, ValueError):
        pytest.skip(f"Pillow writes no {mode} as {form}")
    (path := tmp_path / f"x.{form.lower()}").write_bytes(written.getvalue())
    with Image.open(path) as stored:  # what the format made of it
        stored.load()
        mode, deep = stored.mode, stored.mode.startswith("I")
        gray = np.asarray(stored).astype(np.int64) >> 8 if deep else np.asarray(stored.convert("L"))
        opaque = stored.convert("RGBA") if mode in {"P", "PA", "LA"} else stored
        color = np.dstack([gray] * 3) if deep else np.asarray(opaque.convert("RGB"))
    target = Target(1, 6, 4, scaled=False, converted=False)
    if (color == color[:, :, :1]).all() and mode not in {"RGB", "RGBA"}:
        assert read_header(path).gray
        assert np.array_equal(read_image(path, target)[0], gray)
    else:
        assert not read_header(path).gray
        with pytest.raises(ArchbuilderError, match="it is a color image"):
            read_image(path, target)
    found = read_image(path, Target(3, 6, 4, scaled=False))
    assert np.array_equal(found, color.transpose(2, 0, 1))


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_pixels_of_which_nobody_says_what_is_white(tmp_path: Path, kind: type) -> None:
    Image.fromarray(GREY.astype(kind)).save(tmp_path / "x.tif")
    for channels in (1, 3):
        with pytest.raises(ArchbuilderError, match=r"x\.tif: the image cannot be read: .*white level is unknown"):
            read_image(tmp_path / "x.tif", Target(channels, 6, 4, scaled=False))


def fill(folder: Path, pixels: np.ndarray = GREY, count: int = 10) -> Path:
    for place, label in enumerate("ab"):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(np.roll(pixels, 12 * place + number)).save(folder / label / f"{number}.png")
    return folder


def test_the_user_says_how_many_channels(tmp_path: Path) -> None:
    fill(tmp_path / "gray")
    fill(tmp_path / "color", COLOR)
    assert load_data(f"folder:{tmp_path}/gray@rgb").image_shape == (3, 6, 4)
    assert load_data(f"folder:{tmp_path}/color@2x3@gray").image_shape == (1, 2, 3)
    there = parse_address("folder:gray@6x4@rgb", tmp_path)
    assert there.text == f"folder:{tmp_path}/gray@6x4@rgb"
    assert parse_address(there.text) == there


def test_what_is_not_read_is_counted(tmp_path: Path) -> None:
    fill(tmp_path / "x")
    Image.fromarray(GREY).save(tmp_path / "x" / "a" / "photo.jfif", "JPEG")
    Image.fromarray(GREY).save(tmp_path / "x" / "a" / "UPPER.JPG")
    frames = [Image.fromarray(np.roll(GREY, n)) for n in range(3)]
    frames[0].save(tmp_path / "x" / "b" / "moving.gif", save_all=True, append_images=frames[1:])
    for name in ("a/one.heic", "b/two.heic", "b/notes.txt", "b/README", "b/._0.png"):
        (tmp_path / "x" / name).write_bytes(b"")
    data = load_folder(parse_address(f"folder:{tmp_path}/x"))
    assert (len(data.train), data.train.shape) == (23, (1, 6, 4))
    assert data.notes == (
        "1 file without an extension is skipped",
        "3 files that are not images are skipped (.heic, .txt)",
        "1 file holds several frames; only the first is read",
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_links_are_followed_once_and_those_to_a_folder_above_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "x")
    fill(tmp_path / "more", count=3)
    (tmp_path / "x" / "a" / "linked").symlink_to(tmp_path / "more" / "a")
    (tmp_path / "x" / "a" / "again").symlink_to(tmp_path / "more" / "a")
    (tmp_path / "x" / "a" / "loop").symlink_to(tmp_path / "x" / "a")
    images = load_folder(parse_address(f"folder:{tmp_path}/x")).train
    assert images.labels.bincount().tolist() == [13, 10]
    (tmp_path / "x" / "b" / "up").symlink_to(tmp_path / "x")
    with pytest.raises(ArchbuilderError, match="b/up: links to a folder above it"):
        load_data(f"folder:{tmp_path}/x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("most_held", [0, 10**9])
def test_all_broken_files_are_listed_or_left_out(
    tmp_path: Path, most_held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "x")
    photo = io.BytesIO()
    Image.fromarray(np.tile(GREY, (9, 9))).resize((4, 6)).save(photo, "TIFF")
    os.mkfifo(tmp_path / "x" / "a" / "pipe.png")
    monkeypatch.chdir(tmp_path / "x" / "b")  # the path of a socket may not be long
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket.png")
    Path("cut.tif").write_bytes(photo.getvalue()[:-150])
    Path("empty.jpg").write_bytes(b"")
    Path("gone.png").symlink_to("nowhere.png")
    names = ["a/pipe.png", "b/cut.tif", "b/empty.jpg", "b/gone.png", "b/socket.png"]
    address = parse_address(f"folder:{tmp_path}/x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow
        with pytest.raises(ArchbuilderError, match="5 images cannot be read; fix or remove them, or skip") as caught:
            load_folder(address, most_held=most_held)
        data = load_data(address.text, skip_broken=True)
    assert all(f"{tmp_path}/x/{name}: the image cannot be read: " in str(caught.value) for name in names)
    assert list(data.skipped) == names
    assert data.statement.endswith("; 5 files that cannot be read are skipped")
    assert isinstance(data.train, ImageSet)


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (("Training", "Testing"), ("train", "test")),
        (("train", "dev", "eval"), ("train", "validation", "test")),
        (("train", "test", "evaluation"), ("train", "validation", "test")),
        (("TRAIN", "Valid"), ("train", "validation")),
    ],
)
def test_folders_named_as_splits(tmp_path: Path, folders: tuple[str, ...], parts: tuple[str, ...]) -> None:
    for folder in folders:
        fill(tmp_path / folder, count=2)
    data = load_folder(parse_address(f"folder:{tmp_path}"))
    assert data.class_names == ("a", "b")
    assert [part for part in ("train", "validation", "test") if getattr(data, part) is not None] == list(parts)


def test_a_name_that_may_mean_two_splits(tmp_path: Path) -> None:
    for folder in ("train", "eval"):
        fill(tmp_path / folder, count=2)
    with pytest.raises(ArchbuilderError, match=r"eval may mean validation or test; call it val or test$"):
        load_data(f"folder:{tmp_path}")


def test_a_test_split_alone_is_nothing_to_train_on(tmp_path: Path) -> None:
    fill(tmp_path / "test", count=2)
    with pytest.raises(ArchbuilderError, match="no training images; there is only test, for evaluation alone"):
        load_data(f"folder:{tmp_path}")
