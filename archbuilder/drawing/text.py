"""How wide text is, without knowing the font: no wider than estimated in common sans-serif fonts."""

from collections.abc import Sequence
from unicodedata import east_asian_width

_CLASSES = (  # characters, and how wide the widest of them is: regular, bold
    ("'ijl", 0.28, 0.35),
    ("IJ ,.·/:;|\\", 0.34, 0.4),
    ("f-()[]t!r", 0.42, 0.5),
    ('*_`–"', 0.5, 0.53),
    ("scz?", 0.56, 0.6),
    ("0123456789aeokvxyLFTE$", 0.64, 0.7),
    ("hnubdgpqSPYZ{}", 0.69, 0.74),
    ("KAVXBRCU", 0.74, 0.82),
    ("NHDGOQ&#+<=>^~×→−w", 0.84, 0.93),
    ("MmW%@…—", 1.0, 1.11),
)
_WIDTHS = {character: widths for characters, *widths in _CLASSES for character in characters}
_OTHER = (1.1, 1.27)
_DOUBLE = (1.35, 1.56)  # East Asian characters and emoji
_NARROWEST = 0.28


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Estimate the width of a text in pixels, from above: DejaVu Sans, among the widest, is the measure.

    Args:
        text: The text, one line.
        size: The font size in pixels.
        bold: Whether it is bold.
    """
    return sum(_character_widths(character)[bold] for character in text) * size


def shortened(text: str, size: float, width: float, *, bold: bool = False, is_name: bool = False) -> str:
    """Return a text that is no wider than a width; the middle of a longer one becomes an ellipsis, of a name the start.

    Args:
        text: The text, one line.
        size: The font size in pixels.
        width: The width in pixels.
        bold: Whether it is bold.
        is_name: Whether it is a dotted name, whose end says more than its start.
    """
    text = " ".join(text.split())
    most = width / (size * _NARROWEST)  # characters
    if len(text) <= most and text_width(text, size, bold=bold) <= width:
        return text
    kept = min(len(text) - 1, int(most))
    while kept > 1:
        tail = kept if is_name else kept // 2
        short = f"{text[: kept - tail]}…{text[len(text) - tail :]}"
        if text_width(short, size, bold=bold) <= width:
            whole = short.partition(".")[2]  # from the next dot on, if that is most of it
            return f"…{whole}" if is_name and 2 * len(whole) > len(short) else short
        kept -= 1
    return "…"


def _character_widths(character: str) -> Sequence[float]:
    """Return how wide a character is, regular and bold, at a font size of 1."""
    if character in _WIDTHS:
        return _WIDTHS[character]
    return _DOUBLE if east_asian_width(character) in "WF" or ord(character) > 0xFFFF else _OTHER
