"""The lines of text in a box."""

import re
from typing import NamedTuple

from archbuilder.drawing.figures import Box
from archbuilder.drawing.text import shortened, text_width

MAIN, SMALL = 12.0, 10.0  # font sizes
WIDEST_TEXT = 200.0
WIDEST_NAME = 185.0
WIDEST_DETAILS = 145.0
MOST_DETAILS = 3  # lines


class Text(NamedTuple):
    """A line of text in a box."""

    text: str
    bold: bool = False
    is_name: bool = False


def lines_of(box: Box, around: str) -> list[Text]:
    """Return the lines of a box in a frame of the name `around`: caption, name, and what it was before."""
    if box.kind == "port":
        return []
    lines = [Text(shortened(box.caption.main, MAIN, WIDEST_TEXT, bold=True), bold=True)]
    lines += map(Text, _wrapped(box.caption.details))
    if box.kind in ("op", "composite"):
        name = range_of_names(relative(box.name, around), relative(box.last_name, around))
        if name != box.caption.main:
            lines.append(Text(shortened(name, SMALL, WIDEST_NAME, is_name=True), is_name=True))
    if box.status in _STATUS:
        word = f"was {box.before}" if box.before else _STATUS[box.status]
        lines.append(Text(shortened(word, SMALL, WIDEST_TEXT)))
    return lines


_STATUS = {"added": "added", "removed": "removed", "changed": "changed"}


def _wrapped(details: tuple[str, ...]) -> list[str]:
    """Return details in a few lines."""
    lines: list[str] = []
    for detail in details:
        longer = f"{lines[-1]} · {detail}" if lines else detail
        if lines and text_width(longer, SMALL) <= WIDEST_DETAILS:
            lines[-1] = longer
        else:
            lines.append(detail)
    if len(lines) > MOST_DETAILS:
        lines[MOST_DETAILS - 1 :] = [f"{lines[MOST_DETAILS - 1]} …"]
    return [shortened(line, SMALL, WIDEST_TEXT) for line in lines]


def badge_width(count: int) -> float:
    """Return the room for `× 6` at the right of a box."""
    return 6 + text_width(f"× {count:,}", MAIN, bold=True)


def relative(name: str, around: str) -> str:
    """Return a name without that of the frame around it."""
    return name.removeprefix(f"{around}.") if around else name


def range_of_names(first: str, last: str) -> str:
    """Return two names as one: `layer1.0–5`, `denselayer1–12`; the first alone if there is no last."""
    if not last:
        return first
    start, end = _NUMBER.search(first), _NUMBER.search(last)
    if start and end and first[: start.start()] == last[: end.start()]:
        return f"{first}–{end[0]}"
    return f"{first} … {last.rpartition('.')[2]}"


_NUMBER = re.compile(r"\d+$")
