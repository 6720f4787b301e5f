"""One image file, decoded to the pixels a network is shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from archbuilder.data.files import shown
from archbuilder.errors import ArchbuilderError

if TYPE_CHECKING:
    from PIL import Image

Pixels = npt.NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"})
_DEEP = frozenset({"I", "I;16", "I;16L", "I;16B"})  # grey in 16 bits
_GREY = frozenset({"1", "L", *_DEEP})
_ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 exchange height and width


@dataclass(frozen=True)
class Target:
    """What every image of a data set is brought to.

    Attributes:
        channels: 1 for grey, 3 for red, green and blue.
        height: In pixels.
        width: In pixels.
        scaled: Whether images of other sizes are scaled and cropped; else they are errors.
    """

    channels: int
    height: int
    width: int
    scaled: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class Header:
    """What a file says of its image before it is decoded: its height and width when upright, and whether it is grey."""

    height: int
    width: int
    grey: bool


def read_header(path: Path) -> Header:
    """Read the beginning of an image file.

    Raises:
        ArchbuilderError: It is no image.
    """
    from PIL import Image  # noqa: PLC0415 - only folders of images need it

    try:
        with Image.open(path) as image:
            width, height = image.size
            # Looked for only where it is cheap: in a PNG it may follow the pixels.
            has_tags = "exif" in image.info or image.format in {"JPEG", "MPO", "TIFF", "WEBP"}
            if has_tags and image.getexif().get(_ORIENTATION, 1) >= 5:
                width, height = height, width
            return Header(height, width, image.mode in _GREY)
    except Exception as error:  # a decoder may raise anything
        raise _unreadable(path, error) from error


def read_image(path: Path, target: Target) -> Pixels:
    """Decode an image file, turned upright as its EXIF orientation says: C x H x W, uint8.

    Args:
        path: The file.
        target: What to bring it to. Transparency is dropped; grey of 16 bits is brought to 8.

    Raises:
        ArchbuilderError: It cannot be decoded, or it has another size and is not to be scaled.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 - only folders of images need it

    try:
        with Image.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
            image = _converted(upright, "L" if target.channels == 1 else "RGB")
            if target.scaled and image.size != (target.width, target.height):
                image = ImageOps.fit(image, (target.width, target.height), Image.Resampling.BILINEAR)
    except Exception as error:  # a decoder may raise anything
        raise _unreadable(path, error) from error
    if image.size != (target.width, target.height):
        found = f"found an image of {image.height} x {image.width}, expected {target.height} x {target.width}"
        raise ArchbuilderError(f"{shown(path)}: {found}; a size after the folder, such as @224, scales all images")
    return as_pixels(image)


def as_pixels(image: "Image.Image") -> Pixels:
    """Give the pixels of a grey or RGB image: C x H x W, uint8."""
    pixels: Pixels = np.asarray(image, dtype=np.uint8)
    return pixels[np.newaxis] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _converted(image: "Image.Image", mode: str) -> "Image.Image":
    from PIL import Image  # noqa: PLC0415

    if image.mode in _DEEP:
        # Pillow's own conversion would cut off what is above 255.
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, of which nobody says what is white")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert(mode)


def _unreadable(path: Path, error: Exception) -> ArchbuilderError:
    from PIL import UnidentifiedImageError  # noqa: PLC0415

    reason = "it is no image" if isinstance(error, UnidentifiedImageError) else str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:  # the system's reason: there is nothing wrong with the file
        return ArchbuilderError(f"{shown(path)}: the image cannot be read: {error.strerror}")
    return ArchbuilderError(f"{shown(path)}: the image cannot be read: {reason}; mend or remove the file")
