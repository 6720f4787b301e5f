"""Columns: how a long network is broken so that its picture fits a page."""

from collections.abc import Sequence
from itertools import accumulate
from math import log

PAGE = 1.35  # width to height
TALLEST = 760.0  # of a single column that is never broken
MOST_COLUMNS = 12
GUTTER = 44.0


def choose_columns(widths: Sequence[float], heights: Sequence[float], tails: Sequence[float]) -> list[int]:
    """Return where columns start, for a picture of about the shape of a page.

    Args:
        widths: The widths of the figures of the trunk.
        heights: Their heights, with the gaps below them.
        tails: How far what hangs at each, a head, reaches below its end.

    Returns:
        The position of the first figure of each column; the first is 0.
    """
    if sum(heights) <= TALLEST:
        return [0]
    candidates = [_columns(heights, tails, count) for count in range(1, min(MOST_COLUMNS, len(heights)) + 1)]
    return min(candidates, key=lambda starts: abs(log(_shape(starts, widths, heights, tails) / PAGE)))


def _columns(heights: Sequence[float], tails: Sequence[float], count: int) -> list[int]:
    """Break figures into at most `count` columns so that the tallest is as short as possible."""
    low, high = max(heights), sum(heights) + max(tails)
    while high - low > 1:
        limit = (low + high) / 2
        if len(_filled(heights, tails, limit)) <= count:
            high = limit
        else:
            low = limit
    return _filled(heights, tails, high)


def _filled(heights: Sequence[float], tails: Sequence[float], limit: float) -> list[int]:
    """Return the starts of columns that are filled up to a height."""
    starts, filled = [0], 0.0
    for position, (height, tail) in enumerate(zip(heights, tails, strict=True)):
        if filled + height + tail > limit and position > max(starts[-1], 1):  # the input has no column of its own
            starts.append(position)
            filled = 0.0
        filled += height
    return starts


def _shape(starts: list[int], widths: Sequence[float], heights: Sequence[float], tails: Sequence[float]) -> float:
    """Return the width of a picture by its height."""
    ranges = list(zip(starts, [*starts[1:], len(heights)], strict=True))
    width = sum(max(widths[start:end]) for start, end in ranges) + GUTTER * (len(ranges) - 1)
    bottoms = (
        bottom + tail
        for start, end in ranges
        for bottom, tail in zip(accumulate(heights[start:end]), tails[start:end], strict=True)
    )
    return width / max(bottoms)
