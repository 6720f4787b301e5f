"""Folders of images: how they must lie, what is made of them, and what is said where they do not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archbuilder.data import ImageSet, load_data, parse_address
from archbuilder.data import folder as folder_module
from archbuilder.data.folder import load_folder
from archbuilder.data.raw import RawData
from archbuilder.errors import ArchbuilderError

ORIENTATION = 0x0112


def picture(seed: int, mode: str = "RGB", height: int = 6, width: int = 4) -> Image.Image:
    """Make a picture whose every pixel is its own."""
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def fill(folder: Path, *classes: str, count: int = 8, mode: str = "RGB", height: int = 6, width: int = 4) -> Path:
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            picture(100 * label + number, mode, height, width).save(folder / name / f"{number:02}.png")
    return folder


def read(folder: Path, size: str = "") -> RawData:
    return load_folder(parse_address(f"folder:{folder}{size}"))


def train(data: RawData) -> ImageSet:
    assert isinstance(data.train, ImageSet)
    return data.train


def test_every_pixel_of_every_class_in_order(tmp_path: Path) -> None:
    data = read(fill(tmp_path, "dogs", "cats", "10"))
    assert data.class_names == ("10", "cats", "dogs")
    assert train(data).shape == (3, 6, 4)
    assert train(data).labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    expected = torch.from_numpy(np.asarray(picture(3)).copy()).permute(2, 0, 1)  # dogs/03.png
    assert torch.equal(train(data).images[16 + 3], expected)


@pytest.mark.parametrize("mode", ["1", "L", "I;16"])
def test_gray_images_have_one_channel(tmp_path: Path, mode: str) -> None:
    fill(tmp_path, "a", "b", mode="L")
    values = torch.arange(24).reshape(6, 4)
    sixteen = Image.fromarray((values.numpy() * 2000 + 255).astype(np.uint16))
    image = {"1": picture(0, "L").convert("1"), "L": picture(0, "L"), "I;16": sixteen}[mode]
    image.save(tmp_path / "a" / "00.png")
    images = train(read(tmp_path))
    assert images.shape == (1, 6, 4)
    if mode == "I;16":
        assert torch.equal(images.images[0, 0].long(), (values * 2000 + 255) // 256)
    else:
        assert np.array_equal(images.images[0, 0].numpy(), np.asarray(image.convert("L")))


def test_one_image_in_color_makes_all_of_them_red_green_and_blue(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b", mode="L")
    picture(0).save(tmp_path / "b" / "07.png")
    images = train(read(tmp_path))
    assert images.shape == (3, 6, 4)
    assert torch.equal(images.images[0, 0], images.images[0, 2])
    assert not torch.equal(images.images[-1, 0], images.images[-1, 2])


def test_transparency_is_dropped(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b")
    palette = picture(0).quantize(8)
    palette.save(tmp_path / "a" / "00.png", transparency=bytes(range(8)))
    picture(1).convert("RGBA").save(tmp_path / "a" / "01.png")
    images = train(read(tmp_path)).images
    for row, image in ((0, palette.convert("RGB")), (1, picture(1))):
        assert torch.equal(images[row].permute(1, 2, 0), torch.from_numpy(np.asarray(image).copy()))


def test_orientation_is_respected(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b")
    lying = picture(0, height=4, width=6)
    tags = Image.Exif()
    tags[ORIENTATION] = 6  # turn by a quarter, clockwise
    lying.save(tmp_path / "a" / "00.png", exif=tags)
    images = train(read(tmp_path))  # all of one size: 6 x 4
    upright = lying.transpose(Image.Transpose.ROTATE_270)
    assert torch.equal(images.images[0].permute(1, 2, 0), torch.from_numpy(np.asarray(upright).copy()))


def test_a_size_covers_and_crops_the_center(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b")
    stripes = np.zeros((40, 120, 3), dtype=np.uint8)
    stripes[:, 40:80] = 200  # the middle third
    Image.fromarray(stripes).save(tmp_path / "a" / "00.png")
    images = train(read(tmp_path, "@20"))
    assert images.shape == (3, 20, 20)
    assert (images.images[0, :, :, 1:-1] == 200).all()
    assert train(read(tmp_path, "@20x10")).shape == (3, 20, 10)


def test_hidden_files_and_files_that_are_no_images_do_not_count(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b")
    (tmp_path / "a" / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "a" / "._00.png").write_bytes(b"\0")
    (tmp_path / "a" / "notes.txt").write_text("")
    (tmp_path / "README.md").write_text("")
    (tmp_path / ".git").mkdir()
    (tmp_path / "b" / "more").mkdir()
    picture(99).save(tmp_path / "b" / "more" / "A.PNG")  # folders below a class belong to it
    assert train(read(tmp_path)).labels.tolist() == [0] * 8 + [1] * 9


@pytest.mark.parametrize("word", ["val", "valid", "dev"])
def test_splits_of_its_own(tmp_path: Path, word: str) -> None:
    for part, count in (("Training", 20), (word, 3), ("testing", 4)):
        fill(tmp_path / part, "a", "b", count=count)
    fill(tmp_path / "extra", "c")
    data = load_data(f"folder:{tmp_path}")
    assert (len(data.train), len(data.validation), len(data.open_test())) == (40, 6, 8)
    assert data.statement == (
        "40 training images, 6 validation images (provided), 8 test images (provided); "
        "extra/ is beside the splits and skipped"
    )


def test_what_lacks_is_cut_from_train(tmp_path: Path) -> None:
    fill(tmp_path / "train", "a", "b", count=20)
    fill(tmp_path / "val", "a", "b", count=3)
    data = load_data(f"folder:{tmp_path}")
    assert data.statement == (
        "36 training images, 6 validation images (provided), 4 test images (10 % of every class by seed 0)"
    )


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert read(fill(tmp_path, "bus", "train")).class_names == ("bus", "train")


def error(folder: Path, message: str, size: str = "") -> None:
    with pytest.raises(ArchbuilderError, match=message):
        load_data(f"folder:{folder}{size}")


def test_images_without_subfolders(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    error(
        tmp_path / "a", r"a: found 8 images and no subfolders, expected one subfolder a class.*such as cats/1\.jpg and"
    )


def test_an_empty_folder(tmp_path: Path) -> None:
    error(tmp_path, r"found no subfolders, expected one subfolder a class")


def test_images_beside_the_subfolders(tmp_path: Path) -> None:
    picture(0).save(fill(tmp_path, "a", "b") / "loose.png")
    error(tmp_path, r": loose\.png are beside the subfolders, expected one subfolder a class")


def test_a_class_without_images(tmp_path: Path) -> None:
    (fill(tmp_path, "a", "b") / "empty").mkdir()
    error(tmp_path, r"empty: no images of this class; the extensions of images are bmp, gif, jfif, jpe, jpeg, jpg, ")


def test_a_single_class(tmp_path: Path) -> None:
    error(fill(tmp_path, "a"), r"every training image is of the class 'a', expected two classes or more$")


def test_other_classes_in_another_split(tmp_path: Path) -> None:
    fill(tmp_path / "train", "a", "b")
    fill(tmp_path / "test", "b", "c")
    error(tmp_path, r"test: expected the same classes as in .*train, but it lacks a and has c, which is not there$")


def test_two_folders_for_validation(tmp_path: Path) -> None:
    for part in ("train", "val", "valid"):
        fill(tmp_path / part, "a", "b")
    error(tmp_path, r": found val and valid, expected one folder of images for validation$")


def test_images_of_several_sizes(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b")
    picture(0, height=5, width=9).save(tmp_path / "b" / "05.png")
    message = r"images differ in size: .*b/05\.png is 5 x 9, .*a/00\.png is 6 x 4; a size scales them all: folder:.*@4$"
    error(tmp_path, message)
    assert load_data(f"folder:{tmp_path}@4").image_shape == (3, 4, 4)  # as the message says


def test_a_size_that_no_header_was_read_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "a", "b")
    picture(0, height=5, width=9).save(tmp_path / "b" / "05.png")
    monkeypatch.setattr(folder_module, "_HEADERS_READ", 4)
    error(
        tmp_path, r"b/05\.png: found an image of 5 x 9, expected 6 x 4; a size after the folder, such as @224, scales"
    )


@pytest.mark.parametrize("size", ["", "@8"])
def test_images_that_cannot_be_read(tmp_path: Path, size: str) -> None:
    path = fill(tmp_path, "a", "b", height=40, width=40) / "b" / "05.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    error(
        tmp_path,
        r"b/05\.png: the image cannot be read: .*; fix or .* it with skip_broken=True$",
        size,
    )
    path.write_bytes(b"<html>not found</html>")
    error(
        tmp_path,
        r"b/05\.png: the image cannot be read: it is not an image; fix or .* it with skip_broken=True$",
        size,
    )
    path.write_bytes(b"")
    error(tmp_path, r"b/05\.png: the image cannot be read: it is not an image;", size)


def test_pixels_that_are_floating_point_numbers(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b")
    Image.fromarray(np.ones((6, 4), dtype=np.float32)).save(tmp_path / "a" / "x.tif")
    error(tmp_path, r"x\.tif: the image cannot be read: its pixels are floats")


def test_a_name_that_cannot_be_printed(tmp_path: Path) -> None:
    (fill(tmp_path, "a", "b") / "b" / "\x1b[31m.png").write_bytes(b"")
    error(tmp_path, r"b/·\[31m\.png: the image cannot be read")
