"""The lines of text in a box."""

import re
from math import inf
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
    widest = inf if box.kind == "op" else WIDEST_TEXT  # the name of an operation is never cut
    lines = [Text(shortened(box.caption.main, MAIN, widest, bold=True), bold=True)]
    lines += map(Text, _wrapped(box.caption.details))
    if box.kind in ("op", "composite"):
        name = range_of_names(relative(box.name, around), relative(box.last_name, around), box.count)
        said = {_plain(around), _plain(box.caption.main.partition(",")[0])}  # which ends in the number of channels
        if _plain(name) not in said:
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


def range_of_names(first: str, last: str, count: int) -> str:
    """Return the first and last of some names as one: `layer1.0–5`, `block2-1 … block2-6`, `stage3 … more3.0`.

    A pair of names that differ in more than a number is `Mixed_5c, Mixed_5d`; without a last name, it is the first.
    """
    if not last:
        return first
    start, end = _NUMBER.search(first), _NUMBER.search(last)
    path, _, word = first.rpartition(".")
    if start and end and "-" not in word and first[: start.start()] == last[: end.start()]:
        return f"{first}–{end[0]}"
    return f"{first}{', ' if count == 2 else ' … '}{relative(last, path)}"


def _plain(name: str) -> str:
    """Return what names that read alike have in common: `stochastic_depth` and `stochastic depth`."""
    return re.sub(r"[-_\s]+", " ", name).casefold()


_NUMBER = re.compile(r"\d+$")
