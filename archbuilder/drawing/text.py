"""How wide text is, without knowing the font: no wider than estimated in common sans-serif fonts."""

from unicodedata import east_asian_width

_CLASSES = (
    ("ijlI'|", 0.34),
    (".,:;· !", 0.41),
    ('()[]{}/-frt"_', 0.51),
    ("mMWw@%…—", 1.0),
    ("ABCDEFGHJKLNOPQRSTUVXYZ×+=<>~#&→−?$^", 0.84),
)
_WIDTHS = {character: width for characters, width in _CLASSES for character in characters}
_ASCII = 0.65  # of the other ASCII characters, which are digits and lowercase letters
_OTHER = 1.1
_DOUBLE = 1.35  # East Asian characters and emoji
_BOLD = 1.15


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Estimate the width of a text in pixels, from above: DejaVu Sans, among the widest, is the measure.

    Args:
        text: The text, one line.
        size: The font size in pixels.
        bold: Whether it is bold.
    """
    return sum(map(_character_width, text)) * size * (_BOLD if bold else 1)


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
    if len(text) * size * 0.3 < width and text_width(text, size, bold=bold) <= width:
        return text
    kept = min(len(text) - 1, int(width / (size * 0.34)))
    while kept > 1:
        tail = kept if is_name else kept // 2
        short = f"{text[: kept - tail]}…{text[len(text) - tail :]}"
        if text_width(short, size, bold=bold) <= width:
            whole = short.partition(".")[2]  # from the next dot on, if that is most of it
            return f"…{whole}" if is_name and 2 * len(whole) > len(short) else short
        kept -= 1
    return "…"


def _character_width(character: str) -> float:
    if character in _WIDTHS:
        return _WIDTHS[character]
    if character.isascii():
        return _ASCII
    return _DOUBLE if east_asian_width(character) in "WF" or ord(character) > 0xFFFF else _OTHER
