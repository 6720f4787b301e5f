"""Draw excerpts of a source with a caret below the place of an error."""

import unicodedata

from archbuilder.errors.location import Location

_WIDTH = 100  # characters of a source line that are shown
_LEAD = 60  # of these, how many may stand before the caret


def snippet(where: Location, message: str, related: tuple[Location, ...] = ()) -> list[str]:
    """Draw the line that `where` points into, a caret under its span with the message, and the related lines.

    Args:
        where: The place to point at.
        message: What to say beside the caret.
        related: Places whose lines are shown too; only those of the same source.
    """
    source, caret_line = where.source, where.line
    numbers = sorted({caret_line, *(place.line for place in related if place.source is source)})
    gutter = len(str(numbers[-1])) + 2
    rows = []
    for number in numbers:
        text = source.line(number)
        if number != caret_line:
            rows.append(f"{number:>{gutter}} │ {printable(_crop(text, 0)[0])}".rstrip())
            continue
        column = where.column - 1
        window, shift = _crop(text, column)
        window = printable(window)
        length = min(where.span.end - where.span.start, len(text) - column)
        before, under = window[: column - shift], window[column - shift :][: max(0, length)]
        rows.append(f"{number:>{gutter}} │ {window}".rstrip())
        rows.append(f"{'':>{gutter}} │ {' ' * _cells(before)}{'^' * max(1, _cells(under))} {message}")
    return rows


def _crop(text: str, column: int) -> tuple[str, int]:
    """Cut a long line to a window around `column`; return the window, with ellipses, and the column it starts at."""
    start = 0 if column < _WIDTH - 20 else column - _LEAD
    window = text[start : start + _WIDTH]
    if start:
        window = "…" + window[1:]
    if start + _WIDTH < len(text):
        window = window[:-1] + "…"
    return window, start


def printable(text: str) -> str:
    """Replace unprintable characters one for one, so that columns are kept."""
    return "".join(character if character.isprintable() else " " if character == "\t" else "·" for character in text)


def _cells(text: str) -> int:
    """Count the terminal cells of a text: East Asian wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
