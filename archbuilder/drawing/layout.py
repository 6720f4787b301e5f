"""The second pass of the layout: columns, heads beside them, and lines that are not from one figure to the next."""

from bisect import bisect_right
from itertools import pairwise

from archbuilder.drawing.box_text import SMALL
from archbuilder.drawing.columns import GUTTER, choose_columns
from archbuilder.drawing.far_lines import far_line, junctions
from archbuilder.drawing.figures import FarEdge, Figure, Frame, Parallel, Scene, Series, is_linked, output_of
from archbuilder.drawing.lanes import LANE, channels_of, lanes_of, width_of
from archbuilder.drawing.measure import ABOVE_JOIN, BRANCH_GAP, LABELED_GAP, Measures, gap_below
from archbuilder.drawing.placed import LINE_KINDS, Label, Layout, Link, Point
from archbuilder.drawing.placing import Placer, kind_of
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
    return _Columns(scene, measures, top, margin, indent).layout


class _Columns:
    def __init__(self, scene: Scene, measures: Measures, top: float, margin: float, indent: float) -> None:
        self.layout = Layout()
        self._scene = scene
        self._measures = measures
        self._rects = self.layout.rects
        self._placer = Placer(self.layout, measures)
        self._bottom = 0.0  # of the column that is being placed
        self._columns: list[float] = []  # the left edges of their lanes
        self._place_trunk(top, margin, indent)
        self._add_far_edges(top)

    # -- columns -----------------------------------------------------------------------------------------------------

    def _place_trunk(self, top: float, margin: float, indent: float) -> None:
        measures, trunk = self._measures, self._scene.trunk
        members, nesting = trunk.members, measures.nesting
        sizes = [measures.sizes[member] for member in members]
        heights = [size.height + gap_below(member, measures) for size, member in zip(sizes, members, strict=True)]
        tails = dict.fromkeys(members, 0.0)
        for head in self._scene.heads:
            tails[nesting.member_of(trunk, head.source)] += measures.sizes[head.frame].height
        starts = choose_columns([size.left + size.right for size in sizes], heights, [*tails.values()])
        ends = [*starts[1:], len(members)]
        columns = {member: bisect_right(starts, position) - 1 for position, member in enumerate(members)}
        edges = measures.edges.get(trunk, [])
        self._column_of = {end: columns[nesting.member_of(trunk, end)] for edge in edges for end in edge}
        self._lanes, self._channels = lanes_of(edges, self._column_of), channels_of(edges, self._column_of)
        channels = LANE * len(self._channels)
        content_top = top + (channels + CHANNEL + LABELED_GAP if len(starts) > 1 else 0.0)
        bottoms: list[float] = []
        x = margin + indent
        for column, (start, end) in enumerate(zip(starts, ends, strict=True)):
            group = members[start:end]
            self._columns.append(x)
            spine = x + width_of(self._lanes.get(column, {})) + max(size.left for size in sizes[start:end])
            self._placer.place_members(group, spine, content_top)
            self._bottom = max(self._rects[member].bottom for member in group)
            rights = [self._rects[member].right for member in group]
            rights += [
                spine + 8 + text_width(measures.labels[member], SMALL) for member in group if member in measures.labels
            ]
            if column:
                entry = members[start - 1]
                text = shape_text(output_of(entry) or trunk.entry)
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
        gutter = self._columns[column] - GUTTER / 2
        y, arrow = self._placer.entry(first)
        down = (spine, self._placer.exit(last)), (spine, bottom), (gutter, bottom)
        points = *down, (gutter, top), (target, top), (target, y)
        self.layout.links.append(Link(points, kind_of(last, first), arrow))

    def _place_heads(self, group: list[Figure], right: float) -> float:
        """Place the heads of the figures of a column at its right; return the right edge."""
        measures, free, column_right = self._measures, 0.0, right
        inside = {*group}
        heads = [
            head for head in self._scene.heads if measures.nesting.member_of(self._scene.trunk, head.source) in inside
        ]
        for position, head in enumerate(heads):
            size = measures.sizes[head.frame]
            anchor = self._outermost(head.source)
            start = self._rects[anchor].spine, self._placer.exit(anchor) + 6
            way = self._past_branches(anchor, start)
            level = way[-1][1]
            spine = right + 24 + LANE * len(heads) + size.left
            y = max(level + 18, free)
            self._placer.place(head.frame, spine, y)
            free = y + size.height + 24
            self._bottom = max(self._bottom, y + size.height)
            entry, arrow = self._placer.entry(head.frame)
            kind = LINE_KINDS.get(head.status, "tap")
            self.layout.dots[start] = kind
            title = f"auxiliary head {head.frame.name}{f', was {head.before}' if head.before else ''}"
            if y > level + 18:  # around the heads before it
                lane = right + 12 + LANE * (len(heads) - 1 - position)
                way += (lane, level), (lane, y - 12), (spine, y - 12), (spine, entry)
            else:
                way += (spine, level), (spine, entry)
            self.layout.links.append(Link((*way,), kind, arrow, title))
            column_right = max(column_right, spine + size.right)
        return column_right

    def _outermost(self, figure: Figure) -> Figure:
        """Return the outermost figure whose output is that of a given one."""
        parents = self._measures.nesting.parents
        while (parent := parents.get(figure)) is not None and parent is not self._scene.trunk:
            is_last = isinstance(parent, Frame) or (isinstance(parent, Series) and parent.members[-1] is figure)
            if not is_last and not (isinstance(parent, Parallel) and parent.join is figure):
                break
            figure = parent
        return figure

    def _past_branches(self, figure: Figure, start: Point) -> list[Point]:
        """Return the corners of a line from below a figure to the right: between the branches there and their join."""
        corners = [start]
        for inner, outer in pairwise([figure, *self._measures.nesting.ancestors(figure)]):
            if isinstance(outer, Parallel) and inner in outer.branches[:-1]:
                beside = outer.branches[outer.branches.index(inner) + 1]
                x, y = self._rects[beside].x - BRANCH_GAP / 2, self._rects[outer.join].y - ABOVE_JOIN + 6
                corners += (x, corners[-1][1]), (x, y)
        return corners

    def _add_far_edges(self, top: float) -> None:
        """Add the lines to outputs that are used again, with dots where they part or meet."""
        lines: list[tuple[FarEdge, Link]] = []
        for series, edges in self._measures.edges.items():
            for edge in edges:
                if series is self._scene.trunk:
                    first, last = (self._lane(edge.source, self._column_of[end]) for end in edge)
                else:
                    first = last = self._rects[series].x + LANE * self._measures.lanes[series][edge.source] + 2
                channel = top + 4 + LANE * self._channels.get(edge.source, 0)
                lines.append((edge, far_line(edge, self._rects, (first, last), channel)))
        self.layout.links += [line for _, line in lines]
        self.layout.dots |= dict.fromkeys(junctions(lines), "far")

    def _lane(self, source: Figure, column: int) -> float:
        return self._columns[column] + LANE * self._lanes[column][source] + 2
