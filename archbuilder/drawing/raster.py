"""Drawings as PNG and PDF, with CairoSVG (the extra `draw`)."""

import math
from pathlib import Path

from archbuilder.errors import ArchbuilderError
from archbuilder.spec.writing import write_bytes, write_text

FORMATS = (".svg", ".png", ".pdf")
_SCALE = 2  # of pixels, for screens of high resolution
_MOST_PIXELS = 100_000_000


def save_drawing(path: Path, svg: str) -> None:
    """Write a drawing atomically, in the format that the suffix of the path names.

    Args:
        path: Where the file is to stand: `.svg`, `.png` or `.pdf`; PNG and PDF have the light colors.
        svg: The SVG text.

    Raises:
        ArchbuilderError: The suffix is another, CairoSVG or the Cairo library is missing, the picture is too large for
            PNG, or the file cannot be written.
    """
    match check_format(path):
        case ".png":
            import cairosvg  # noqa: PLC0415 - an extra

            write_bytes(path, cairosvg.svg2png(bytestring=svg.encode(), scale=_scale(svg)))
        case ".pdf":
            import cairosvg  # noqa: PLC0415 - an extra

            write_bytes(path, cairosvg.svg2pdf(bytestring=svg.encode()))
        case _:
            write_text(path, svg)


def check_format(path: Path) -> str:
    """Return the suffix of a path, in lower case, if a drawing can be written there.

    Raises:
        ArchbuilderError: It is none of the formats, or what it needs is missing.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ArchbuilderError(f"{path}: a drawing is written as {', '.join(FORMATS)}; found {suffix or 'no suffix'!r}")
    if suffix != ".svg":
        try:
            import cairosvg  # noqa: F401, PLC0415 - an extra
        except ImportError:
            message = f"{path}: {suffix[1:].upper()} needs CairoSVG: pip install 'archbuilder[draw]'; or write .svg"
            raise ArchbuilderError(message) from None
        except OSError:
            message = f"{path}: {suffix[1:].upper()} needs the Cairo library (libcairo2 of Debian); or write .svg"
            raise ArchbuilderError(message) from None
    return suffix


def _scale(svg: str) -> float:
    """Return the scale of a PNG: 2, or less for a picture that would have too many pixels."""
    _, _, box = svg.partition('viewBox="0 0 ')
    width, height = (float(number) for number in box.partition('"')[0].split())
    return min(_SCALE, math.sqrt(_MOST_PIXELS / (width * height)))
