"""Convert images of Pillow's modes to gray or RGB in 8 bits."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

_GRAY_16_BITS = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})  # gray in 16 bits
_GRAY = frozenset({"1", "L", "LA", "La", "F", *_GRAY_16_BITS})
_FORMATS_WITH_16_BITS = frozenset({"PNG", "PPM"})  # formats in which a gray image of Pillow's mode I has 16 bits


def as_pixels(image: "Image.Image") -> npt.NDArray[np.uint8]:
    """Return the pixels of a gray or RGB image: C x H x W, uint8."""
    pixels: npt.NDArray[np.uint8] = np.asarray(image, dtype=np.uint8)
    return pixels[np.newaxis] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def to_mode(image: "Image.Image", mode: str) -> "Image.Image":
    """Convert an image to Pillow's mode `L` or `RGB`; 16 bits become 8, transparency is dropped.

    Raises:
        ValueError: Its pixels have no known white level.
    """
    from PIL import Image  # noqa: PLC0415 - only folders of images need it

    if image.mode == "I" and image.format not in _FORMATS_WITH_16_BITS:
        raise ValueError("its pixels are 32-bit integers, whose white level is unknown; save it in 8 or 16 bits")
    if image.mode in _GRAY_16_BITS:
        # Pillow's own conversion would cut off what is above 255.
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its pixels are floats, whose white level is unknown")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert(mode)


def is_gray(image: "Image.Image") -> bool:
    """Return whether an image is gray, by its mode or its palette."""
    if image.mode not in {"P", "PA"}:
        return image.mode in _GRAY
    colors = image.getpalette("RGB") or []
    return colors[0::3] == colors[1::3] == colors[2::3]
