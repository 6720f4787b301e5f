"""Decode an image file to pixels of a given size and number of channels."""

import io
import stat
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archbuilder.data.bands import (
    BandsHeader,
    MissingPackage,
    bands_of,
    fit_bands,
    is_tiff,
    read_bands,
    read_bands_header,
)
from archbuilder.data.files import path_text
from archbuilder.data.image_modes import as_pixels, is_gray, to_mode
from archbuilder.errors import ArchbuilderError

if TYPE_CHECKING:
    from PIL import Image

Pixels = npt.NDArray[Any]
"""C x H x W, uint8; float32 where bands are read that have other values."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".pbm", ".pnm"}
)
_UNKNOWN_BANDS = "its bands are not those of a gray or RGB image; @bands at the end of the address reads any TIFF bands"
_ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 exchange height and width


@dataclass(frozen=True)
class Target:
    """The size and channels that every image of a data set is converted to.

    Attributes:
        channels: 1 for gray, 3 for red, green and blue; any number with `bands`.
        height: In pixels.
        width: In pixels.
        scaled: Whether images of other sizes are scaled and cropped; otherwise they are errors.
        converted: Whether color images may be converted to gray, as the user asked for; otherwise they are errors.
        bands: Whether all bands of all pages of TIFF files are channels, with the values of the file.
        dtype: `uint8`, or `float32` for bands with other values.
    """

    channels: int
    height: int
    width: int
    scaled: bool
    converted: bool = True
    bands: bool = False
    dtype: str = "uint8"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class ImageHeader:
    """The header of an image file.

    Attributes:
        height: In pixels, after rotation by the EXIF orientation.
        width: Likewise.
        gray: Whether the image is gray.
    """

    height: int
    width: int
    gray: bool


@dataclass(frozen=True)
class Decoded:
    """A decoded image file.

    Attributes:
        pixels: C x H x W, uint8; float32 where `Target.dtype` is.
        digest: A 64-bit hash of the file's bytes.
        has_more_frames: Whether the file has further frames or pages, which are not read.
    """

    pixels: Pixels
    digest: int
    has_more_frames: bool


def digest_of(content: bytes) -> int:
    """Return a 64-bit hash as a signed integer."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little", signed=True)


def read_file(path: Path) -> bytes:
    """Read a regular file; pipes and devices are refused, as reading them may never end.

    Raises:
        OSError: The file does not exist or cannot be read.
        ValueError: The path is not a regular file.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kinds = {stat.S_ISFIFO: "a named pipe", stat.S_ISSOCK: "a socket", stat.S_ISDIR: "a folder"}
        what = next((name for is_kind, name in kinds.items() if is_kind(mode)), "a device")
        raise ValueError(f"it is {what}, not a file")
    return path.read_bytes()


def read_header(path: Path) -> ImageHeader:
    """Read the header of an image file.

    Raises:
        ArchbuilderError: The file is not an image, or cannot be read.
    """
    from PIL import Image  # noqa: PLC0415 - only folders of images need it

    try:
        if not path.is_file():
            read_file(path)  # raises the error
        with Image.open(path) as image:
            width, height = image.size
            # Looked for only where it is cheap: in a PNG it may follow the pixels.
            has_tags = "exif" in image.info or image.format in {"JPEG", "MPO", "TIFF", "WEBP"}
            if has_tags and image.getexif().get(_ORIENTATION, 1) >= 5:
                width, height = height, width
            return ImageHeader(height, width, is_gray(image))
    except Exception as error:  # a decoder may raise anything
        raise _unreadable(path, error) from error


def read_image(path: Path, target: Target) -> Pixels:
    """Decode an image file, rotated by its EXIF orientation: C x H x W, of the target's type.

    Args:
        path: The file.
        target: The size and channels to convert to. Transparency is dropped; 16-bit gray becomes 8-bit; of several
            frames or pages the first is read.

    Raises:
        ArchbuilderError: The file cannot be decoded, or its size differs and `target.scaled` is false.
    """
    return decode(path, target).pixels


def decode(path: Path, target: Target) -> Decoded:
    """Decode an image file as `read_image` does, with its hash and whether it has more frames.

    Raises:
        ArchbuilderError: The file cannot be decoded, or its size differs and `target.scaled` is false.
    """
    if target.bands:
        return _decode_bands(path, target)
    from PIL import Image  # noqa: PLC0415 - only folders of images need it

    try:
        content = read_file(path)
        with Image.open(io.BytesIO(content)) as opened:
            # An MPO is a JPEG photo with another view of the same, or with a preview.
            has_more_frames = bool(getattr(opened, "is_animated", False)) and opened.format != "MPO"
            image = _to_target(opened, target)
    except Exception as error:  # a decoder may raise anything
        raise _unreadable(path, error) from error
    if image.size != (target.width, target.height):
        found = f"found an image of {image.height} x {image.width}, expected {target.height} x {target.width}"
        raise ArchbuilderError(f"{path_text(path)}: {found}; a size after the folder, such as @224, scales all images")
    return Decoded(as_pixels(image), digest_of(content), has_more_frames)


def read_band_sizes(path: Path) -> BandsHeader:
    """Read the sizes and the number of bands of a TIFF file.

    Raises:
        MissingPackage: Reading it needs tifffile.
        ArchbuilderError: The file is no TIFF, or cannot be read.
    """
    try:
        if not path.is_file():
            read_file(path)  # raises the error
        with path.open("rb") as file:
            return read_bands_header(file)
    except MissingPackage as error:
        raise MissingPackage(f"{path_text(path)}: {error}") from error
    except Exception as error:  # a decoder may raise anything
        raise _unreadable(path, error) from error


def _decode_bands(path: Path, target: Target) -> Decoded:
    """Decode all bands of a TIFF file."""
    try:
        content = read_file(path)
        return Decoded(_to_bands(read_bands(io.BytesIO(content)), target), digest_of(content), has_more_frames=False)
    except MissingPackage as error:
        raise MissingPackage(f"{path_text(path)}: {error}") from error
    except Exception as error:  # a decoder may raise anything
        raise _unreadable(path, error) from error


def _to_bands(bands: Pixels, target: Target) -> Pixels:
    """Check and resize bands: C x H x W of the target's shape and type."""
    if len(bands) != target.channels:
        raise ValueError(f"it has {len(bands)} bands, expected {target.channels}")
    if target.dtype == "uint8" and bands.dtype != np.uint8:
        raise ValueError("its values are not bytes, as those of the first images are")
    if not target.scaled and bands.shape != target.shape:
        found = f"it is {bands.shape[1]} x {bands.shape[2]}, expected {target.height} x {target.width}"
        raise ValueError(f"{found}; a size such as @224 before @bands scales all images")
    return fit_bands(bands, target.height, target.width).astype(target.dtype)


def pixels_of(image: "Image.Image", target: Target) -> Pixels:
    """Return the pixels of an open image as `read_image` returns those of a file: C x H x W.

    Raises:
        ArchbuilderError: The image cannot be decoded.
    """
    try:
        if target.bands:
            return _to_bands(bands_of(image), target)
        return as_pixels(_to_target(image, target))
    except Exception as error:  # a decoder may raise anything
        raise _unreadable(Path(str(getattr(image, "filename", "") or "an open image")), error) from error


def read_image_bytes(content: bytes, target: Target) -> Pixels:
    """Decode the content of an image file as `read_image` does; errors call it `-`, as standard input.

    Raises:
        ArchbuilderError: The content cannot be decoded.
    """
    from PIL import Image  # noqa: PLC0415

    if not content:
        raise ArchbuilderError("-: the image cannot be read: it is empty")
    try:
        if target.bands:
            return _to_bands(read_bands(io.BytesIO(content)), target)
        with Image.open(io.BytesIO(content)) as opened:
            return as_pixels(_to_target(opened, target))
    except Exception as error:  # a decoder may raise anything
        raise _unreadable(Path("-"), error) from error


def _to_target(opened: "Image.Image", target: Target) -> "Image.Image":
    """Rotate an image upright, convert it to the target's channels and, if `scaled`, scale and crop it."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    if target.channels == 1 and not target.converted and not is_gray(opened):
        raise ValueError("it is a color image, but the first images are gray; add @rgb or @gray")
    upright = ImageOps.exif_transpose(opened)
    upright.format = opened.format
    image = to_mode(upright, "L" if target.channels == 1 else "RGB")
    if target.scaled and image.size != (target.width, target.height):
        image = ImageOps.fit(image, (target.width, target.height), Image.Resampling.BILINEAR)
    return image


def _unreadable(path: Path, error: Exception) -> ArchbuilderError:
    """Return the error for an image that cannot be read, with the reason."""
    from PIL import UnidentifiedImageError  # noqa: PLC0415

    reason = str(error) or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        reason = _UNKNOWN_BANDS if is_tiff(path) else "it is not an image"
    if isinstance(error, OSError) and error.strerror:  # the system's reason: there is nothing wrong with the file
        return ArchbuilderError(f"{path_text(path)}: the image cannot be read: {error.strerror}")
    return ArchbuilderError(f"{path_text(path)}: the image cannot be read: {reason}; fix or remove the file")
