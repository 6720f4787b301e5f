"""The first pass of the layout: how much room each figure takes, to both sides of the line through it."""

from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from archbuilder.drawing.box_text import (
    MAIN,
    SMALL,
    WIDEST_NAME,
    Text,
    badge_width,
    lines_of,
    range_of_names,
    relative,
)
from archbuilder.drawing.figures import (
    Box,
    FarEdge,
    Figure,
    Frame,
    Join,
    Line,
    Parallel,
    Scene,
    Series,
    is_removed,
    output_of,
    parts_of,
)
from archbuilder.drawing.text import shortened, text_width
from archbuilder.primitives import Shape, shape_text

PADDING = 8.0  # in boxes, beside text
GAP = 20.0  # between figures of a series
LABELED_GAP = 30.0  # with the shape of the map in it
BRANCH_GAP = 14.0
SPLIT = 8.0  # from the top of parallel branches to where their lines part
ABOVE_BRANCHES = 22.0
ABOVE_JOIN = 18.0
JOIN = 20.0  # the height of a join
FRAME = 10.0  # from a frame to what is in it
HEADING = 20.0
STACK = 4.0  # how far the outline of further copies is offset
LANE = 8.0  # between lines of far edges
PORT = 6.0


class Size(NamedTuple):
    """The room of a figure: to the left and the right of the line through it, and downwards."""

    left: float
    right: float
    height: float


@dataclass(eq=False)
class Measures:
    """What the first pass found.

    Attributes:
        sizes: The room that each figure takes.
        texts: The lines of each box.
        headings: The left and the right part of each frame's heading.
        offsets: Where the lines through the branches of a fork are, from the line through the fork.
        labels: The shape that is written below a figure.
        lanes: The far edges of each series: the lane of each source at its left.
        parents: The figure that each one lies in directly.
    """

    sizes: dict[Figure, Size] = field(default_factory=dict)
    texts: dict[Box, list[Text]] = field(default_factory=dict)
    headings: dict[Frame, tuple[str, str]] = field(default_factory=dict)
    offsets: dict[Parallel, list[float]] = field(default_factory=dict)
    labels: dict[Figure, str] = field(default_factory=dict)
    lanes: dict[Series, dict[Figure, int]] = field(default_factory=dict)
    parents: dict[Figure, Figure] = field(default_factory=dict)

    def series_around(self, edge: FarEdge) -> Series:
        """Return the innermost series that has both ends of a far edge in different members."""
        around = {edge.source, *self.ancestors(edge.source)}
        return next(one for one in self.ancestors(edge.target) if one in around and isinstance(one, Series))

    def ancestors(self, figure: Figure) -> list[Figure]:
        """Return the figures around one, innermost first."""
        found = []
        while figure in self.parents:
            figure = self.parents[figure]
            found.append(figure)
        return found

    def member_of(self, series: Series, figure: Figure) -> Figure:
        """Return the member of a series that a figure is or lies in."""
        while self.parents[figure] is not series:
            figure = self.parents[figure]
        return figure


def measure(scene: Scene) -> Measures:
    """Measure every figure of a scene."""
    measures = Measures()
    _note_parents(scene.trunk, measures.parents)
    for head in scene.heads:
        _note_parents(head.frame, measures.parents)
    _assign_lanes(scene, measures)
    for head in scene.heads:
        _frame(head.frame, "", measures)
    for member in scene.trunk.members:
        _any(member, "", measures)
    measures.labels |= shape_labels(scene.trunk, is_trunk=True)
    return measures


def shape_labels(series: Series, *, is_trunk: bool) -> dict[Figure, str]:
    """Return the shapes that are written below members of a series: in the trunk all new ones, elsewhere new sizes."""
    labels: dict[Figure, str] = {}
    before: Shape = series.entry
    for member in series.members[:-1]:
        after = output_of(member) or before
        joined = not isinstance(member, Box)
        if is_removed(member) or (isinstance(member, Box) and member.kind in ("source", "port")):
            continue
        if after != before and (is_trunk or joined or after[1:] != before[1:]):
            labels[member] = shape_text(after)
        before = after
    return labels


def _note_parents(figure: Figure, parents: dict[Figure, Figure]) -> None:
    for part in parts_of(figure):
        parents[part] = figure
        _note_parents(part, parents)


def _assign_lanes(scene: Scene, measures: Measures) -> None:
    """Give each source of far edges a lane of the series around it and its targets; sources that overlap have two."""
    reaches: dict[Series, dict[Figure, tuple[int, int]]] = {}
    positions: dict[Series, dict[Figure, int]] = {}
    for edge in scene.edges:
        series = measures.series_around(edge)
        if series not in positions:
            positions[series] = {member: index for index, member in enumerate(series.members)}
        ends = [positions[series][measures.member_of(series, end)] for end in edge]
        spans = reaches.setdefault(series, {})
        start, end = spans.get(edge.source, (ends[0], ends[1]))
        spans[edge.source] = min(start, *ends), max(end, *ends)
    for series, spans in reaches.items():
        free_from: list[int] = []  # of each lane
        lanes = measures.lanes[series] = {}
        for source, (start, end) in sorted(spans.items(), key=lambda item: item[1]):
            lane = next((lane for lane, free in enumerate(free_from) if free < start), len(free_from))
            free_from[lane : lane + 1] = [end]
            lanes[source] = lane


def _any(figure: Figure, around: str, measures: Measures) -> Size:
    """Measure a figure in a frame of the name `around`."""
    match figure:
        case Box():
            size = _box(figure, around, measures)
        case Join():
            width = 8 + text_width("concat", SMALL, bold=True) / 2
            size = Size(width, width, JOIN) if figure.merge == "concat" else Size(JOIN / 2, JOIN / 2, JOIN)
        case Line():
            size = Size(JOIN / 2, JOIN / 2, 0)
        case Series():
            size = _series(figure, around, measures)
        case Parallel():
            size = _parallel(figure, around, measures)
        case Frame():
            size = _frame(figure, around, measures)
    measures.sizes[figure] = size
    return size


def _box(box: Box, around: str, measures: Measures) -> Size:
    lines = measures.texts[box] = lines_of(box, around)
    if not lines:
        return Size(PORT / 2, PORT / 2, PORT)
    width = max(text_width(line.text, MAIN if line.bold else SMALL, bold=line.bold) for line in lines)
    half = max(24.0, width / 2 + PADDING)
    more = badge_width(box.count) + STACK if box.count > 1 else 0.0
    return Size(half, half + more, 10 + 14 + 13 * (len(lines) - 1) + (STACK if box.count > 1 else 0))


def _series(series: Series, around: str, measures: Measures) -> Size:
    sizes = [_any(member, around, measures) for member in series.members]
    labels = shape_labels(series, is_trunk=False)
    measures.labels |= labels
    height = sum(size.height for size in sizes) + sum(gap_below(member, measures) for member in series.members[:-1])
    left = max(size.left for size in sizes) + lanes_width(series, measures)
    right = max([size.right for size in sizes] + [8 + text_width(label, SMALL) for label in labels.values()])
    return Size(left, right, height)


def gap_below(figure: Figure, measures: Measures) -> float:
    """Return the gap between a member of a series and the next."""
    return LABELED_GAP if figure in measures.labels else GAP


def lanes_width(series: Series, measures: Measures) -> float:
    """Return the room for the far edges at the left of a series."""
    lanes = measures.lanes.get(series)
    return LANE * (max(lanes.values()) + 1) + 6 if lanes else 0.0


def _parallel(fork: Parallel, around: str, measures: Measures) -> Size:
    sizes = [_any(branch, around, measures) for branch in fork.branches]
    widths = [
        size._replace(right=size.right + badge_width(count)) if count > 1 else size
        for size, count in zip(sizes, fork.counts, strict=True)
    ]
    starts = [0.0, *accumulate(size.left + size.right + BRANCH_GAP for size in widths)]
    spines = [start + size.left for start, size in zip(starts, widths, strict=False)]
    total = starts[-1] - BRANCH_GAP
    full = [spine for spine, branch in zip(spines, fork.branches, strict=True) if not _is_identity(branch)]
    spine = full[0] if len(full) == 1 else (spines[0] + spines[-1]) / 2
    offsets = measures.offsets[fork] = [one - spine for one in spines]
    join = _any(fork.join, around, measures)
    if fork.join.merge == "concat":
        join = Size(max(join.left, 12 - min(offsets)), max(join.right, 12 + max(offsets)), JOIN)
    measures.sizes[fork.join] = join
    height = ABOVE_BRANCHES + max(size.height for size in sizes) + ABOVE_JOIN + JOIN
    return Size(max(spine, join.left), max(total - spine, join.right), height)


def _is_identity(branch: Series | Line) -> bool:
    """Return whether a branch changes nothing."""
    if isinstance(branch, Line):
        return True
    boxes = [member for member in branch.members if isinstance(member, Box)]
    return len(boxes) == len(branch.members) and all(
        op.op.type == "identity" for box in boxes for op in (box.copies or [()])[0]
    )


def _frame(frame: Frame, around: str, measures: Measures) -> Size:
    child = _any(frame.child, frame.name or around, measures)
    name = range_of_names(relative(frame.name, around), relative(frame.last_name, around))
    name = shortened(name, SMALL, WIDEST_NAME, is_name=True)
    label = shortened(frame.label, SMALL, WIDEST_NAME, bold=True)
    if frame.count > 1:
        label = f"{label} × {frame.count:,}".strip()
    measures.headings[frame] = name, label
    left = max(child.left + FRAME, FRAME + 6 + text_width(name, SMALL))
    right = max(child.right + FRAME, FRAME + 6 + text_width(label, SMALL, bold=True))
    stack = STACK if frame.count > 1 else 0.0
    size = measures.sizes[frame] = Size(left, right + stack, HEADING + 6 + child.height + FRAME + stack)
    return size
