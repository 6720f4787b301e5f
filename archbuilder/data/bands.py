"""Read every band of every page of a TIFF file as a channel, with the values of the file."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from archbuilder.errors import ArchbuilderError

if TYPE_CHECKING:
    from PIL import Image, TiffImagePlugin

Bands = npt.NDArray[Any]
"""C x H x W, uint8 or float32."""

_SUBFILE, _BITS, _PHOTOMETRIC, _ORIENTATION, _SAMPLES, _FORMAT = 254, 258, 262, 274, 277, 339  # tags
_REDUCED_OR_MASK = 0b101  # bits of the subfile type: a smaller copy of another page, and a mask of one
_PALETTE = 3  # the photometric interpretation
# The sample formats (1 unsigned, 2 signed, 3 floats) and bits that Pillow reads without changing a value.
_EXACT = {(1, 1), (1, 8), (1, 16), (2, 16), (2, 32), (3, 32), (3, 64)}
_MOST_BYTES = 2**31  # of an image as float32; a damaged header may ask for anything
_LARGEST = 2**24  # the largest n such that float32 holds every integer up to n


_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class MissingPackage(ArchbuilderError):  # noqa: N818 - it names what is wrong
    """A package that a file needs is not installed."""


@dataclass(frozen=True)
class BandsHeader:
    """What a TIFF file says of its pages.

    Attributes:
        channels: The bands of all pages.
        height: In pixels.
        width: In pixels.
        dtype: `uint8`, or `float32` for all other values.
    """

    channels: int
    height: int
    width: int
    dtype: str


@dataclass(frozen=True)
class _Page:
    """A page; it is decoded when it is read: C x H x W."""

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    read: Callable[[], Bands]


def is_tiff(path: Path) -> bool:
    """Return whether a file begins as TIFF files do."""
    try:
        with path.open("rb") as file:
            return file.read(4) in _BEGINNINGS
    except OSError:
        return False


def read_bands_header(file: BinaryIO) -> BandsHeader:
    """Read the sizes of the pages of an open TIFF file, without decoding them.

    Raises:
        MissingPackage: Pages have several bands, and tifffile is not installed.
        Exception: The file is no TIFF, it is damaged, or its pages differ in size.
    """
    return _header(_pages(file))


def read_bands(file: BinaryIO) -> Bands:
    """Decode all pages of an open TIFF file: C x H x W, the bands of the first page first.

    Bytes stay uint8, all other values become float32. Smaller copies of pages (the overviews of a GeoTIFF) and masks
    are left out.

    Raises:
        MissingPackage: Pages have several bands, and tifffile is not installed.
        Exception: The file is no TIFF, it is damaged, its pages differ in size, or a value is no finite float32.
    """
    pages = _pages(file)
    header = _header(pages)
    try:
        return np.concatenate([_values(page.read(), header.dtype) for page in pages])
    except (KeyError, ValueError) as error:
        if "imagecodecs" not in str(error):
            raise
        raise MissingPackage("its compression needs imagecodecs: pip install 'archbuilder[tiff]'") from error


def bands_of(image: "Image.Image") -> Bands:
    """Return the bands of an open image: C x H x W, uint8 or float32."""
    bands = np.asarray(image)
    bands = bands[np.newaxis] if bands.ndim == 2 else bands.transpose(2, 0, 1)
    return _values(bands, "uint8" if bands.dtype in (np.uint8, np.bool_) else "float32")


def fit_bands(bands: Bands, height: int, width: int) -> Bands:
    """Resize every band to cover a size, and crop its center, as other images are: C x height x width."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - only folders of images need it

    if bands.shape[1:] == (height, width):
        return bands
    bilinear = Image.Resampling.BILINEAR
    return np.stack([np.asarray(ImageOps.fit(Image.fromarray(band), (width, height), bilinear)) for band in bands])


def _header(pages: Sequence[_Page]) -> BandsHeader:
    """Return the bands, size and type of all pages; raise an error if pages differ in size."""
    if not pages:
        raise ValueError("it has no pages")
    _, height, width = pages[0].shape
    for number, page in enumerate(pages, 1):
        if page.shape[1:] != (height, width):
            found = f"page {number} is {page.shape[1]} x {page.shape[2]}, the first is {height} x {width}"
            raise ValueError(f"its pages differ in size: {found}")
    kinds = Counter(page.dtype.kind for page in pages)
    if kinds.keys() - set("buif"):
        raise ValueError(f"its values are {pages[0].dtype}, expected integers or floats")
    channels = sum(page.shape[0] for page in pages)
    if 4 * channels * height * width > _MOST_BYTES:
        raise ValueError(f"it is {channels} x {height} x {width}, which is too large")
    small = all(page.dtype in (np.uint8, np.bool_) for page in pages)
    return BandsHeader(channels, height, width, "uint8" if small else "float32")


def _values(bands: Bands, dtype: str) -> Bands:
    """Convert values to uint8 or float32; raise an error if that changes one beyond rounding."""
    if dtype == "uint8":
        return bands.astype(np.uint8)
    if bands.dtype.kind in "iu" and max(-int(bands.min()), int(bands.max())) > _LARGEST:
        raise ValueError(f"it has integers above {_LARGEST:,}, which float32 does not hold exactly")
    with np.errstate(over="ignore"):  # overflow gives inf
        values = bands.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("it has a value that is not a finite float32")
    return values


def _pages(file: BinaryIO) -> list[_Page]:
    """List the pages: by Pillow if it reads all of them without changing values, else by tifffile."""
    if file.read(4) not in _BEGINNINGS:
        raise ValueError("it is no TIFF file; only these hold any number of bands")
    file.seek(0)
    for library in ("PIL", "tifffile"):
        logging.getLogger(library).addHandler(logging.NullHandler())  # what is wrong, their exceptions say
    found = _pages_by_pillow(file)
    file.seek(0)
    return _pages_by_tifffile(file) if found is None else found


def _pages_by_pillow(file: BinaryIO) -> list[_Page] | None:
    """List the pages as Pillow reads them; None if it does not read all of them as they are."""
    from PIL import Image, TiffImagePlugin, UnidentifiedImageError  # noqa: PLC0415 - only folders of images need it

    try:
        opened = Image.open(file, formats=["TIFF"])
        assert isinstance(opened, TiffImagePlugin.TiffImageFile)
        return _exact_pages(opened)
    except (UnidentifiedImageError, SyntaxError):  # the first or a later page has bands or values it does not know
        return None


def _exact_pages(opened: "TiffImagePlugin.TiffImageFile") -> list[_Page] | None:
    """List the pages, of one band each; None if there are others."""
    pages = []
    for number in range(opened.n_frames):
        opened.seek(number)
        tags = opened.tag_v2
        if tags.get(_SUBFILE, 0) & _REDUCED_OR_MASK:
            continue
        _check_plain(int(tags.get(_PHOTOMETRIC, 1)), int(tags.get(_ORIENTATION, 1)))
        if int(tags.get(_SAMPLES, 1)) != 1 or (_first(tags.get(_FORMAT, 1)), _first(tags.get(_BITS, 1))) not in _EXACT:
            return None

        def read(number: int = number) -> Bands:
            opened.seek(number)
            return np.asarray(opened)[np.newaxis]

        kind = {"1": "bool", "L": "uint8", "F": "float32"}.get(opened.mode, "int32")
        pages.append(_Page((1, opened.height, opened.width), np.dtype(kind), read))
    return pages


def _first(value: Any) -> int:
    """Return the first value of a tag."""
    return int(value[0] if isinstance(value, tuple) else value)


def _check_plain(photometric: int, orientation: int) -> None:
    """Raise an error for a palette, or an image that is not upright."""
    if photometric == _PALETTE:
        raise ValueError("its pixels are places in a palette, not values")
    if orientation != 1:
        raise ValueError(f"its orientation tag is {orientation}; save it upright, for @bands does not turn it")


def _pages_by_tifffile(file: BinaryIO) -> list[_Page]:
    """List the pages as tifffile reads them."""
    try:
        import tifffile  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        needs = "TIFF files with several bands in a page need tifffile: pip install 'archbuilder[tiff]'"
        raise MissingPackage(needs) from error
    pages = []
    for page in (one.aspage() for one in tifffile.TiffFile(file).pages):
        tags = {code: tag.value for code in (_SUBFILE, _PHOTOMETRIC, _ORIENTATION) if (tag := page.tags.get(code))}
        if int(tags.get(_SUBFILE, 0)) & _REDUCED_OR_MASK:
            continue
        _check_plain(int(tags.get(_PHOTOMETRIC, 1)), int(tags.get(_ORIENTATION, 1)))
        pages.append(_tifffile_page(page))
    return pages


def _tifffile_page(page: Any) -> _Page:
    """Return a page of tifffile's, its axes in the order of bands, rows and columns."""
    axes, shape = page.axes, page.shape
    if page.dtype is None or axes not in {"YX", "YXS", "SYX"}:
        raise ValueError(f"a page has the axes {axes or 'none'}, expected rows, columns and bands")
    places = {"YX": (0, 1), "YXS": (2, 0, 1), "SYX": (0, 1, 2)}[axes]
    sizes = tuple(int(shape[place]) for place in places)
    channels, height, width = sizes if len(sizes) == 3 else (1, *sizes)

    def read() -> Bands:
        values: Bands = page.asarray()
        return values.transpose(places).reshape(channels, height, width)

    return _Page((channels, height, width), np.dtype(page.dtype), read)
