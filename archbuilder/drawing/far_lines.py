"""The lines of far edges, and the dots where they part or meet."""

from collections.abc import Iterator, Mapping, Sequence

from archbuilder.drawing.figures import FarEdge, Figure, Frame, Join, Parallel
from archbuilder.drawing.measure import FRAME, GAP, JOIN, STACK
from archbuilder.drawing.placed import Link, Point, Rect, name_of


def far_line(edge: FarEdge, rects: Mapping[Figure, Rect], lanes: tuple[float, float], channel: float) -> Link:
    """Return the line of a far edge: along its lanes beside source and target, and the channel between these."""
    (first, last), source, target = lanes, _start(edge.source, rects), _end(edge.target, rects)
    between = ((first, channel), (last, channel)) if first != last else ()
    points = source, (first, source[1]), *between, (last, target[1]), target
    return Link(points, "far", title=f"{name_of(edge.source)} is used again by {name_of(edge.target)}")


def _start(figure: Figure, rects: Mapping[Figure, Rect]) -> Point:
    """Return where far edges start, at the left of a figure: of a join below those that end there."""
    if isinstance(figure, Frame):
        rect = rects[figure]
        return rect.x, rect.bottom - FRAME - (STACK if figure.count > 1 else 0)
    if isinstance(figure, Parallel):
        figure = figure.join
    x, y = _end(figure, rects)
    return (x + 0.9, y + JOIN / 4) if isinstance(figure, Join) else (x, y)


def _end(figure: Figure, rects: Mapping[Figure, Rect]) -> Point:
    return rects[figure].x, rects[figure].y + min(rects[figure].height / 2, GAP)


def junctions(lines: list[tuple[FarEdge, Link]]) -> list[Point]:
    """Return where lines from one source part, and where lines to one target meet: elsewhere they only cross."""
    corners = [corner for edge, line in lines for corner in _corners(edge, line.points)]
    places: dict[_Line, list[float]] = {}
    for line, place, _ in corners:
        places.setdefault(line, []).append(place)
    spans = {line: (min(found), max(found)) for line, found in places.items()}
    return [*dict.fromkeys(point for line, place, point in corners if spans[line][0] < place < spans[line][1])]


_Line = tuple[Figure, str, float]  # on which lines of one source, or to one target, lie on each other


def _corners(edge: FarEdge, points: Sequence[Point]) -> Iterator[tuple[_Line, float, Point]]:
    """Yield the corners of a line, each with its place on the straight lines that it lies on."""
    for x, y in points[1:-1]:
        yield (edge.source, "lane", x), y, (x, y)
    for x, y in points[2:-2]:
        yield (edge.source, "channel", y), x, (x, y)
    for x, y in points[-2:]:
        yield (edge.target, "end", y), x, (x, y)
