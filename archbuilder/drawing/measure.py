"""The first pass of the layout: how much room each figure takes, to both sides of the line through it."""

from dataclasses import dataclass, field
from itertools import accumulate, chain
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
)
from archbuilder.drawing.lanes import lanes_of, width_of
from archbuilder.drawing.nesting import Nesting
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
PORT = 6.0
JOG = 12.0  # a line that is bent by less looks like a slip


class Size(NamedTuple):
    """The room of a figure: to the left and the right of the line through it, and downwards."""

    left: float
    right: float
    height: float


@dataclass(eq=False)
class Measures:
    """What the first pass found.

    Attributes:
        nesting: Which figure lies in which.
        edges: The far edges of each series.
        sizes: The room that each figure takes.
        texts: The lines of each box.
        headings: The left and the right part of each frame's heading.
        offsets: Where the lines through the branches of a fork are, from the line through the fork.
        labels: The shape that is written below a figure.
        lanes: The lane of each source of far edges, at the left of a series in one column.
    """

    nesting: Nesting
    edges: dict[Series, list[FarEdge]]
    sizes: dict[Figure, Size] = field(default_factory=dict)
    texts: dict[Box, list[Text]] = field(default_factory=dict)
    headings: dict[Frame, tuple[str, str]] = field(default_factory=dict)
    offsets: dict[Parallel, list[float]] = field(default_factory=dict)
    labels: dict[Figure, str] = field(default_factory=dict)
    lanes: dict[Series, dict[Figure, int]] = field(default_factory=dict)


def measure(scene: Scene) -> Measures:
    """Measure every figure of a scene."""
    nesting = Nesting(scene)
    measures = Measures(nesting, nesting.by_series(scene.edges))
    for series, edges in measures.edges.items():
        measures.lanes |= {series: lanes_of(edges, dict.fromkeys(chain.from_iterable(edges), 0))[0]}
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
    height = 10 + 14 + 13 * (len(lines) - 1) + (3 if box.kind == "composite" else 0)
    return Size(half, half + more, height + (STACK if box.count > 1 else 0))


def _series(series: Series, around: str, measures: Measures) -> Size:
    sizes = [_any(member, around, measures) for member in series.members]
    labels = shape_labels(series, is_trunk=False)
    measures.labels |= labels
    height = sum(size.height for size in sizes) + sum(gap_below(member, measures) for member in series.members[:-1])
    left = max(size.left for size in sizes) + width_of(measures.lanes.get(series, {}))
    right = max([size.right for size in sizes] + [8 + text_width(label, SMALL) for label in labels.values()])
    return Size(left, right, height)


def gap_below(figure: Figure, measures: Measures) -> float:
    """Return the gap between a member of a series and the next."""
    return LABELED_GAP if figure in measures.labels else GAP


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
    middle = (spines[0] + spines[-1]) / 2
    nearest = min(spines, key=lambda one: abs(one - middle))
    spine = full[0] if len(full) == 1 else nearest if abs(nearest - middle) < JOG else middle
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
    name = range_of_names(relative(frame.name, around), relative(frame.last_name, around), frame.count)
    name = shortened(name, SMALL, max(WIDEST_NAME, child.left - 6), is_name=True)
    times = f" × {frame.count:,}" if frame.count > 1 else ""
    room = child.right - 6 - text_width(times, SMALL, bold=True)
    label = (shortened(frame.label, SMALL, max(WIDEST_NAME, room), bold=True) + times).strip()
    measures.headings[frame] = name, label
    left = max(child.left + FRAME, FRAME + 6 + text_width(name, SMALL))
    right = max(child.right + FRAME, FRAME + 6 + text_width(label, SMALL, bold=True))
    stack = STACK if frame.count > 1 else 0.0
    size = measures.sizes[frame] = Size(left, right + stack, HEADING + 6 + child.height + FRAME + stack)
    return size
