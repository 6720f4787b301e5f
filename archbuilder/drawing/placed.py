"""What a layout consists of: rectangles, lines and texts at their places."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from archbuilder.drawing.box_text import badge_width
from archbuilder.drawing.figures import Box, Figure, Frame, Join, Parallel, Series, Status
from archbuilder.drawing.measure import STACK

Point = tuple[float, float]


class Rect(NamedTuple):
    """Where a figure is.

    Attributes:
        x: The left edge.
        y: The top edge.
        width: The width.
        height: The height.
        spine: The x of the line through it.
    """

    x: float
    y: float
    width: float
    height: float
    spine: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The bottom edge."""
        return self.y + self.height


LinkKind = Literal["next", "far", "tap", "gone", "new"]
LINE_KINDS: dict[Status, LinkKind] = {"removed": "gone", "added": "new"}
"""The kinds of lines that were removed or added."""


class Link(NamedTuple):
    """A line between figures.

    Attributes:
        points: Its corners.
        kind: From one figure to the next, of a far edge, or to an auxiliary head; in a comparison of networks also a
            line that was removed or added.
        arrow: Whether it ends in an arrow.
        title: What it is, for far edges and heads.
    """

    points: tuple[Point, ...]
    kind: LinkKind = "next"
    arrow: bool = True
    title: str = ""


class Label(NamedTuple):
    """A text beside a line; `x` and `y` are the start of its base line."""

    x: float
    y: float
    text: str
    is_count: bool = False


@dataclass(eq=False)
class Layout:
    """Everything at its place.

    Attributes:
        width: The width of the picture.
        height: Its height.
        rects: Where each figure is.
        links: The lines.
        labels: The texts beside lines.
        dots: Where lines to heads leave other lines, and where far lines part or meet; with the kind of line.
    """

    width: float = 0.0
    height: float = 0.0
    rects: dict[Figure, Rect] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    dots: dict[Point, LinkKind] = field(default_factory=dict)


def core(figure: Figure, rect: Rect) -> Rect:
    """Return the rectangle of a box or frame without the outline of its further copies and the count of a box."""
    if not isinstance(figure, Box | Frame) or figure.count == 1:
        return rect
    more = badge_width(figure.count) if isinstance(figure, Box) else 0.0
    return rect._replace(width=rect.width - STACK - more, height=rect.height - STACK)


def name_of(figure: Figure) -> str:
    """Return what a figure is called in a title."""
    match figure:
        case Box():
            return figure.name or figure.caption.main
        case Join():
            return figure.name
        case Frame():
            return figure.last_name or figure.name or name_of(figure.child)
        case Parallel():
            return figure.join.name
        case Series():
            return name_of(figure.members[-1]) if figure.members else figure.owner
    return "the input"
