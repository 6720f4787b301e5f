"""The second pass of the layout: where every figure and every line is."""

from archbuilder.drawing.box_text import SMALL
from archbuilder.drawing.columns import GUTTER, choose_columns
from archbuilder.drawing.figures import (
    Box,
    Figure,
    Frame,
    Join,
    Line,
    Parallel,
    Scene,
    Series,
    is_linked,
    is_removed,
    output_of,
)
from archbuilder.drawing.measure import (
    ABOVE_BRANCHES,
    ABOVE_JOIN,
    FRAME,
    GAP,
    HEADING,
    JOIN,
    LABELED_GAP,
    LANE,
    SPLIT,
    STACK,
    Measures,
    gap_below,
    lanes_width,
)
from archbuilder.drawing.placed import LINE_KINDS, Label, Layout, Link, LinkKind, Point, Rect, name_of
from archbuilder.drawing.text import text_width
from archbuilder.primitives import shape_text

CHANNEL = 18.0  # above and below the columns, for the lines between them


def lay_out(scene: Scene, measures: Measures, top: float, margin: float, indent: float = 0.0) -> Layout:
    """Place a scene.

    Args:
        scene: The figures.
        measures: Their sizes.
        top: The height of what is above the figures.
        margin: The margin of the picture.
        indent: The room at the left, beside the margin.
    """
    return _Placing(scene, measures, top, margin, indent).layout


class _Placing:
    def __init__(self, scene: Scene, measures: Measures, top: float, margin: float, indent: float) -> None:
        self.layout = Layout()
        self._scene = scene
        self._measures = measures
        self._rects = self.layout.rects
        self._bottom = 0.0  # of the column that is being placed
        self._columns: list[tuple[float, float]] = []  # left edge of the lanes, and top
        self._place_trunk(top, margin, indent)
        self._add_far_edges(top)

    # -- columns -----------------------------------------------------------------------------------------------------

    def _place_trunk(self, top: float, margin: float, indent: float) -> None:
        measures, members = self._measures, self._scene.trunk.members
        sizes = [measures.sizes[member] for member in members]
        heights = [size.height + gap_below(member, measures) for size, member in zip(sizes, members, strict=True)]
        tails = dict.fromkeys(members, 0.0)
        for head in self._scene.heads:
            tails[measures.member_of(self._scene.trunk, head.source)] += measures.sizes[head.frame].height
        starts = choose_columns([size.left + size.right for size in sizes], heights, [*tails.values()])
        trunk_lanes = measures.lanes.get(self._scene.trunk, {})
        if len(starts) > 1:  # lines between columns share no lane
            trunk_lanes |= {source: lane for lane, source in enumerate(trunk_lanes)}
        lanes = lanes_width(self._scene.trunk, measures)
        channels = LANE * len(trunk_lanes) if len(starts) > 1 else 0.0
        content_top = top + (channels + CHANNEL + LABELED_GAP if len(starts) > 1 else 0.0)
        self._column_of: dict[Figure, int] = {}
        bottoms: list[float] = []
        x = margin + indent
        for column, (start, end) in enumerate(zip(starts, [*starts[1:], len(members)], strict=True)):
            group = members[start:end]
            self._columns.append((x, content_top))
            self._column_of |= dict.fromkeys(group, column)
            spine = x + lanes + max(size.left for size in sizes[start:end])
            self._place_members(group, spine, content_top)
            self._bottom = max(self._rects[member].bottom for member in group)
            rights = [self._rects[member].right for member in group]
            rights += [
                spine + 8 + text_width(measures.labels[member], SMALL) for member in group if member in measures.labels
            ]
            if column:
                entry = members[start - 1]
                text = shape_text(output_of(entry) or self._scene.trunk.entry)
                self.layout.labels.append(Label(spine + 7, content_top - 8, text))
                rights.append(spine + 8 + text_width(text, SMALL))
            x = self._place_heads(group, max(rights)) + GUTTER
            bottoms.append(self._bottom + 14)
        self.layout.width = x - GUTTER + margin
        bottom = max(rect.bottom for rect in self._rects.values())
        self.layout.height = bottom + margin + (CHANNEL if len(starts) > 1 else 0)
        for column, start in enumerate(starts[1:], 1):
            self._link_columns(members[start - 1], members[start], column, top + channels + 6, bottoms[column - 1])

    def _link_columns(self, last: Figure, first: Figure, column: int, top: float, bottom: float) -> None:
        if not is_linked(first):
            return
        spine, target = self._rects[last].spine, self._rects[first].spine
        gutter = self._columns[column][0] - GUTTER / 2
        y, arrow = self._entry(first)
        points = (
            (spine, self._exit(last)),
            (spine, bottom),
            (gutter, bottom),
            (gutter, top),
            (target, top),
            (target, y),
        )
        self.layout.links.append(Link(points, _kind(last, first), arrow))

    def _place_heads(self, group: list[Figure], right: float) -> float:
        """Place the heads of the figures of a column at its right; return the right edge."""
        measures, free, column_right = self._measures, 0.0, right
        inside = {*group}
        heads = [head for head in self._scene.heads if measures.member_of(self._scene.trunk, head.source) in inside]
        for position, head in enumerate(heads):
            size = measures.sizes[head.frame]
            anchor = self._outermost(head.source)
            start = self._rects[anchor].spine, self._exit(anchor) + 6
            spine = right + 24 + LANE * len(heads) + size.left
            y = max(start[1] + 18, free)
            self._place(head.frame, spine, y)
            free = y + size.height + 24
            self._bottom = max(self._bottom, y + size.height)
            self.layout.dots.append(start)
            entry, arrow = self._entry(head.frame)
            kind = LINE_KINDS.get(head.status, "tap")
            title = f"auxiliary head {head.frame.name}{f', was {head.before}' if head.before else ''}"
            points: tuple[Point, ...] = start, (spine, start[1]), (spine, entry)
            if y > start[1] + 18:  # around the heads before it
                lane = right + 12 + LANE * (len(heads) - 1 - position)
                points = start, (lane, start[1]), (lane, y - 12), (spine, y - 12), (spine, entry)
            self.layout.links.append(Link(points, kind, arrow, title))
            column_right = max(column_right, spine + size.right)
        return column_right

    def _outermost(self, figure: Figure) -> Figure:
        """Return the outermost figure whose output is that of a given one."""
        parents = self._measures.parents
        while (parent := parents.get(figure)) is not None and parent is not self._scene.trunk:
            is_last = isinstance(parent, Frame) or (isinstance(parent, Series) and parent.members[-1] is figure)
            if not is_last and not (isinstance(parent, Parallel) and parent.join is figure):
                break
            figure = parent
        return figure

    # -- figures -----------------------------------------------------------------------------------------------------

    def _place(self, figure: Figure, spine: float, y: float) -> None:
        """Place a figure below a point."""
        size = self._measures.sizes[figure]
        self._rects[figure] = Rect(spine - size.left, y, size.left + size.right, size.height, spine)
        match figure:
            case Series():
                self._place_members(figure.members, spine, y)
            case Frame():
                self._place(figure.child, spine, y + HEADING + 6)
            case Parallel():
                self._place_fork(figure, spine, y)

    def _place_members(self, members: list[Figure], spine: float, y: float) -> None:
        """Place figures one below the other, and the lines between them."""
        measures = self._measures
        for position, member in enumerate(members):
            self._place(member, spine, y)
            y += measures.sizes[member].height + gap_below(member, measures)
            if member in measures.labels and position + 1 < len(members):
                self.layout.labels.append(Label(spine + 7, y - 9, measures.labels[member]))
            if position and is_linked(member):
                entry, arrow = self._entry(member)
                points = (spine, self._exit(members[position - 1])), (spine, entry)
                self.layout.links.append(Link(points, _kind(members[position - 1], member), arrow))

    def _place_fork(self, fork: Parallel, spine: float, y: float) -> None:
        measures, split = self._measures, y + SPLIT
        height = max(measures.sizes[branch].height for branch in fork.branches)
        join_y = y + ABOVE_BRANCHES + height + ABOVE_JOIN
        self._place(fork.join, spine, join_y)
        for branch, offset, count in zip(fork.branches, measures.offsets[fork], fork.counts, strict=True):
            x = spine + offset
            start: tuple[Point, ...] = ((spine, split), (x, split)) if offset else ((x, split),)
            self._place(branch, x, y + ABOVE_BRANCHES)
            if isinstance(branch, Line):
                self._rects[branch] = self._rects[branch]._replace(height=height)
                kind = LINE_KINDS.get(branch.status, "next")
                self._end_branch(start, x, spine, join_y, fork.join, kind)
                continue
            if is_linked(branch):
                entry, arrow = self._entry(branch)
                self.layout.links.append(Link((*start, (x, entry)), _kind(branch.members[0]), arrow))
            kind = _kind(branch.members[-1])
            self._end_branch(((x, self._exit(branch)),), x, spine, join_y, fork.join, kind)
            if count > 1:
                rect = self._rects[branch]
                self.layout.labels.append(Label(rect.right + 4, rect.y + 16, f"× {count:,}", is_count=True))

    def _end_branch(
        self, start: tuple[Point, ...], x: float, spine: float, join_y: float, join: Join, kind: LinkKind
    ) -> None:
        """Add the line from the end of a branch to the join."""
        if join.merge == "concat" or x == spine:
            points = (*start, (x, join_y))
        else:
            side = spine + (JOIN / 2 if x > spine else -JOIN / 2)
            points = (*start, (x, join_y + JOIN / 2), (side, join_y + JOIN / 2))
        self.layout.links.append(Link(points, kind))

    def _entry(self, figure: Figure) -> tuple[float, bool]:
        """Return where the line into a figure ends, and whether in an arrow."""
        match figure:
            case Frame():
                return self._entry(figure.child)
            case Series():
                return self._entry(figure.members[0])
            case Parallel():
                return self._rects[figure].y + SPLIT, False
        return self._rects[figure].y, not (isinstance(figure, Box) and figure.kind == "port")

    def _exit(self, figure: Figure) -> float:
        """Return where the line out of a figure starts."""
        match figure:
            case Frame():
                return self._exit(figure.child)
            case Series():
                return self._exit(figure.members[-1])
            case Parallel():
                return self._rects[figure.join].bottom
        return self._rects[figure].bottom

    # -- far edges ---------------------------------------------------------------------------------------------------

    def _add_far_edges(self, top: float) -> None:
        trunk = self._scene.trunk
        for edge in self._scene.edges:
            series = self._measures.series_around(edge)
            lane = self._measures.lanes[series][edge.source]
            source, target = self._left_of(edge.source), self._left_of(edge.target)
            title = f"{name_of(edge.source)} is used again by {name_of(edge.target)}"
            if series is trunk:
                columns = [self._column_of[self._measures.member_of(trunk, end)] for end in edge]
                first, last = (self._columns[column][0] + lane * LANE + 2 for column in columns)
            else:
                first = last = self._rects[series].x + lane * LANE + 2
            points = [source, (first, source[1])]
            if first != last:
                channel = top + 4 + lane * LANE
                points += [(first, channel), (last, channel)]
            points += [(last, target[1]), target]
            self.layout.links.append(Link(tuple(points), "far", title=title))

    def _left_of(self, figure: Figure) -> Point:
        """Return the point at the left of a figure where far edges start or end."""
        match figure:
            case Parallel():
                return self._left_of(figure.join)
            case Frame():
                rect = self._rects[figure]
                return rect.x, rect.bottom - FRAME - (STACK if figure.count > 1 else 0)
        rect = self._rects[figure]
        return rect.x, rect.y + min(rect.height / 2, GAP)


def _kind(*figures: Figure) -> LinkKind:
    """Return the kind of the line between figures: that of removed figures if one of them is removed."""
    return "gone" if any(map(is_removed, figures)) else "next"
