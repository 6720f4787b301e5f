"""Lanes: where far edges run, side by side at the left of figures, so that nested ones do not cross."""

from collections.abc import Iterable, Mapping

from archbuilder.drawing.figures import FarEdge, Figure

LANE = 8.0  # between lines of far edges


def lanes_of(edges: Iterable[FarEdge], column_of: Mapping[Figure, int]) -> dict[int, dict[Figure, int]]:
    """Return for each column the lane of each source that has a line there; 0 is the outermost.

    Sources whose lines reach past the same figure have two lanes; of nested ones the inner is nearer to the figures.
    `column_of` has the column of each end of the edges, which are those of one series.
    """
    reaches: dict[int, dict[Figure, tuple[int, int]]] = {}
    for edge in edges:
        from_top = column_of[edge.source] != column_of[edge.target]
        for end in edge:
            reached = reaches.setdefault(column_of[end], {})
            low, high = reached.get(edge.source, (end.position, end.position))
            reached[edge.source] = -1 if from_top else min(low, end.position), max(high, end.position)
    return {column: _side_by_side(reached) for column, reached in reaches.items()}


def _side_by_side(reaches: Mapping[Figure, tuple[int, int]]) -> dict[Figure, int]:
    lanes: dict[Figure, int] = {}
    ends: list[int] = []  # of the last line in each lane
    for source, (start, end) in sorted(reaches.items(), key=lambda item: (item[1][0], -item[1][1])):
        first = max((lane + 1 for lane, other in enumerate(ends) if other >= end), default=0)
        lanes[source] = next((lane for lane in range(first, len(ends)) if ends[lane] < start), len(ends))
        ends[lanes[source] : lanes[source] + 1] = [end]
    return lanes


def channels_of(edges: Iterable[FarEdge], column_of: Mapping[Figure, int]) -> dict[Figure, int]:
    """Return the channel, above all columns, of each source that is used in another column; 0 is the topmost."""
    far = {edge.source for edge in edges if column_of[edge.source] != column_of[edge.target]}
    ordered = sorted(far, key=lambda source: (column_of[source], -source.position))
    return {source: channel for channel, source in enumerate(ordered)}


def width_of(lanes: Mapping[Figure, int]) -> float:
    """Return the room that lanes take."""
    return LANE * (max(lanes.values()) + 1) + 6 if lanes else 0.0
