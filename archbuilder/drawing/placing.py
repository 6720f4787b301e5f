"""Figures at their places: each below a point, with all in it and the lines between."""

from archbuilder.drawing.figures import Box, Figure, Frame, Join, Line, Parallel, Series, is_linked, is_removed
from archbuilder.drawing.measure import ABOVE_BRANCHES, ABOVE_JOIN, HEADING, JOIN, SPLIT, Measures, gap_below
from archbuilder.drawing.placed import LINE_KINDS, Label, Layout, Link, LinkKind, Point, Rect


class Placer:
    """Adds figures and the lines between them to a layout."""

    def __init__(self, layout: Layout, measures: Measures) -> None:
        self._layout = layout
        self._rects = layout.rects
        self._measures = measures

    def place(self, figure: Figure, spine: float, y: float) -> None:
        """Place a figure below a point."""
        size = self._measures.sizes[figure]
        self._rects[figure] = Rect(spine - size.left, y, size.left + size.right, size.height, spine)
        match figure:
            case Series():
                self.place_members(figure.members, spine, y)
            case Frame():
                self.place(figure.child, spine, y + HEADING + 6)
            case Parallel():
                self._place_fork(figure, spine, y)

    def place_members(self, members: list[Figure], spine: float, y: float) -> None:
        """Place figures one below the other, and the lines between them."""
        measures = self._measures
        for position, member in enumerate(members):
            self.place(member, spine, y)
            y += measures.sizes[member].height + gap_below(member, measures)
            if member in measures.labels and position + 1 < len(members):
                self._layout.labels.append(Label(spine + 7, y - 9, measures.labels[member]))
            if position and is_linked(member):
                entry, arrow = self.entry(member)
                points = (spine, self.exit(members[position - 1])), (spine, entry)
                self._layout.links.append(Link(points, kind_of(members[position - 1], member), arrow))

    def _place_fork(self, fork: Parallel, spine: float, y: float) -> None:
        measures, split = self._measures, y + SPLIT
        height = max(measures.sizes[branch].height for branch in fork.branches)
        join_y = y + ABOVE_BRANCHES + height + ABOVE_JOIN
        self.place(fork.join, spine, join_y)
        for branch, offset, count in zip(fork.branches, measures.offsets[fork], fork.counts, strict=True):
            x = spine + offset
            start: tuple[Point, ...] = ((spine, split), (x, split)) if offset else ((x, split),)
            self.place(branch, x, y + ABOVE_BRANCHES)
            if isinstance(branch, Line):
                self._rects[branch] = self._rects[branch]._replace(height=height)
                kind = LINE_KINDS.get(branch.status, "next")
                self._end_branch(start, x, spine, join_y, fork.join, kind)
                continue
            if is_linked(branch):
                entry, arrow = self.entry(branch)
                self._layout.links.append(Link((*start, (x, entry)), kind_of(branch.members[0]), arrow))
            kind = kind_of(branch.members[-1])
            self._end_branch(((x, self.exit(branch)),), x, spine, join_y, fork.join, kind)
            if count > 1:
                rect = self._rects[branch]
                self._layout.labels.append(Label(rect.right + 4, rect.y + 16, f"× {count:,}", is_count=True))

    def _end_branch(
        self, start: tuple[Point, ...], x: float, spine: float, join_y: float, join: Join, kind: LinkKind
    ) -> None:
        """Add the line from the end of a branch to the join."""
        if join.merge == "concat" or x == spine:
            points = (*start, (x, join_y))
        else:
            side = spine + (JOIN / 2 if x > spine else -JOIN / 2)
            points = (*start, (x, join_y + JOIN / 2), (side, join_y + JOIN / 2))
        self._layout.links.append(Link(points, kind))

    def entry(self, figure: Figure) -> tuple[float, bool]:
        """Return where the line into a figure ends, and whether in an arrow."""
        match figure:
            case Frame():
                return self.entry(figure.child)
            case Series():
                return self.entry(figure.members[0])
            case Parallel():
                return self._rects[figure].y + SPLIT, False
        return self._rects[figure].y, not (isinstance(figure, Box) and figure.kind == "port")

    def exit(self, figure: Figure) -> float:
        """Return where the line out of a figure starts."""
        match figure:
            case Frame():
                return self.exit(figure.child)
            case Series():
                return self.exit(figure.members[-1])
            case Parallel():
                return self._rects[figure.join].bottom
        return self._rects[figure].bottom


def kind_of(*figures: Figure) -> LinkKind:
    """Return the kind of the line between figures: that of removed figures if one of them is removed."""
    return "gone" if any(map(is_removed, figures)) else "next"
