"""SVG elements: their numbers, their text, and outlines of boxes and frames."""

import re
from xml.etree.ElementTree import Element, SubElement

from archbuilder.drawing.placed import Rect

_INVALID = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0
_INSET = 2.5  # of the inner outline of a block


def shape(parent: Element, tag: str, classes: str, **numbers: float) -> None:
    """Add a rectangle or a circle."""
    attributes = {"class": classes} if classes else {}
    SubElement(parent, tag, attributes | {name: number(value) for name, value in numbers.items()})


def outline(parent: Element, place: Rect, rx: float, *, behind: float = 0.0, double: bool = False) -> None:
    """Add the outline of a box or frame: with that of further copies behind it, and double for a whole block."""
    x, y, size = place.x, place.y, {"width": place.width, "height": place.height}
    if behind:
        shape(parent, "rect", "", x=x + behind, y=y + behind, **size, rx=rx)
    shape(parent, "rect", "", x=x, y=y, **size, rx=rx)
    if double:
        inner = {name: length - 2 * _INSET for name, length in size.items()}
        shape(parent, "rect", "inner", x=x + _INSET, y=y + _INSET, **inner, rx=rx - 1)


def text(parent: Element, x: float, y: float, words: str, classes: str) -> None:
    """Add a text, whose base line starts, ends or has its middle at a point, as its classes say."""
    leaf(parent, "text", words, {"class": classes, "x": number(x), "y": number(y)})


def leaf(parent: Element, tag: str, words: str, attributes: dict[str, str] | None = None) -> None:
    """Add an element that holds text."""
    SubElement(parent, tag, attributes or {}).text = valid(words)


def number(value: float) -> str:
    """Format a coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


def valid(words: str) -> str:
    """Replace characters that XML cannot have, even escaped."""
    return _INVALID.sub("\ufffd", words)
