"""Folding: equal figures in a row become one with a count."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from math import inf

from archbuilder.drawing.captions import caption
from archbuilder.drawing.figures import Box, FarEdge, Figure, Frame, Join, Line, Parallel, Scene, Series, parts_of
from archbuilder.drawing.opening import Opening
from archbuilder.plan.plan import PlannedOp

LONGEST_PERIOD = 8  # figures that repeat together without a name of their own
FEWEST_BRANCHES = 4
_UNEQUAL_ALLOWED = {"stochastic_depth"}  # its probability grows from block to block


def fold(scene: Scene, opening: Opening) -> Scene:
    """Fold a scene's repetitions, from the inside out; the scene itself is changed.

    Two figures are equal if they look the same and have maps of one size; input channels, and what they decide, may
    differ, as those of dense layers do. A figure is not folded if an output inside it is used outside, or the other
    way round.

    Args:
        scene: The scene.
        opening: What is opened: it is not folded, nor is what lies around it, nor are its members.
    """
    folder = _Folder(scene, opening)
    folder.inside(scene.trunk)
    for head in scene.heads:
        folder.inside(head.frame.child)
    scene.edges = [
        FarEdge(folder.kept(edge.source), edge.target) for edge in scene.edges if edge.target not in folder.into
    ]
    scene.heads = [head._replace(source=folder.kept(head.source)) for head in scene.heads]
    for box in (figure for figure in scene.figures() if isinstance(figure, Box) and figure.kind == "op"):
        if len(box.copies) > 1 and not _UNEQUAL_ALLOWED.isdisjoint(op.op.type for op in box.copies[0]):
            box.caption = caption(*box.copies)
    return scene


class _Folder:
    """Folds one scene.

    Attributes:
        into: The figure that each folded one became a copy of.
    """

    def __init__(self, scene: Scene, opening: Opening) -> None:
        self.into: dict[Figure, Figure] = {}
        self._opening = opening
        self._signatures: dict[Figure, int] = {}
        self._numbers: dict[tuple[object, ...], int] = {}
        self._spans: dict[Figure, tuple[int, int]] = {}
        self._sources: dict[Figure, list[Figure]] = {}
        for edge in scene.edges:
            self._sources.setdefault(edge.target, []).append(edge.source)
        ends = [(self._span(edge.source)[1], edge.target.position) for edge in scene.edges]
        ends += [(self._span(head.source)[1], inf) for head in scene.heads]  # type: ignore[misc]
        self._by_source: list[tuple[float, float]] = sorted(ends)
        self._by_target: list[tuple[float, float]] = sorted((target, source) for source, target in ends)

    def kept(self, figure: Figure) -> Figure:
        """Return the figure that stands for one after folding."""
        while figure in self.into:
            figure = self.into[figure]
        return figure

    def inside(self, figure: Figure) -> None:
        """Fold what lies in a figure."""
        for part in parts_of(figure):
            self.inside(part)
        if isinstance(figure, Series) and figure.owner not in self._opening.targets:
            figure.members = self._folded(figure)
        if isinstance(figure, Parallel):
            self._fold_branches(figure)

    def _folded(self, series: Series) -> list[Figure]:
        members = series.members
        signatures = [self._signature(member) for member in members]
        found: list[Figure] = []
        position = 0
        while position < len(members):
            period, times = self._best_run(members, signatures, position)
            if times == 1:
                found.append(members[position])
                position += 1
                continue
            unit = members[position : position + period]
            for repetition in range(1, times):
                start = position + repetition * period
                for kept, other in zip(unit, members[start : start + period], strict=True):
                    self._absorb(kept, other)
            position += period * times
            last = members[position - 1]
            found.append(self._counted(unit, times, last, series))
        return found

    def _counted(self, unit: list[Figure], times: int, last: Figure, series: Series) -> Figure:
        """Return a unit with its count; several figures, or a fork, get a frame."""
        if len(unit) == 1 and isinstance(only := unit[0], Box | Frame):
            only.count = times
            assert isinstance(last, Box | Frame)
            only.last_name = last.name
            return only
        return Frame("", "", Series(unit, series.owner, series.entry, unit[0].position), times, "", unit[0].position)

    def _best_run(self, members: Sequence[Figure], signatures: list[int], start: int) -> tuple[int, int]:
        """Return the length of the unit that repeats from a position on, and how often it stands there."""
        best = (1, 1)
        for period in range(1, LONGEST_PERIOD + 1):
            times = self._times(members, signatures, start, period)
            fewest = 2 if period == 1 and _is_block(members[start]) else 3
            if times >= fewest and period * times > best[0] * best[1]:
                best = (period, times)
        return best

    def _times(self, members: Sequence[Figure], signatures: list[int], start: int, period: int) -> int:
        """Return how often a unit stands in a row and can be folded: only the last may have far edges, at its end."""
        unit = signatures[start : start + period]
        times, position = 0, start
        while len(unit) == period and signatures[position : position + period] == unit:
            crossing = self._crossing(members[position : position + period])
            if crossing == "inside":
                break
            times, position = times + 1, position + period
            if crossing == "end":
                break
        return times

    def _crossing(self, unit: Sequence[Figure]) -> str:
        """Return `inside` if a unit cannot be folded, `end` if its output is used again later, else nothing."""
        if any(isinstance(figure, Box | Frame) and figure.name in self._opening.names for figure in unit):
            return "inside"
        if isinstance(unit[0], Box) and unit[0].kind in ("input", "output", "source", "port"):
            return "inside"
        low, high = self._span(unit[0])[0], self._span(unit[-1])[1]
        incoming = self._by_target[bisect_left(self._by_target, (low, -1)) : bisect_right(self._by_target, (high, inf))]
        if any(source < low for _, source in incoming):
            return "inside"
        outgoing = self._by_source[bisect_left(self._by_source, (low, -1)) : bisect_right(self._by_source, (high, inf))]
        leaving = [source for source, target in outgoing if target > high]
        if any(source < high for source in leaving):
            return "inside"
        return "end" if leaving else ""

    def _fold_branches(self, figure: Parallel) -> None:
        branches: list[Series | Line] = []
        counts: list[int] = []
        signatures = [self._signature(branch) for branch in figure.branches]
        position = 0
        while position < len(figure.branches):
            end = position
            while end < len(signatures) and signatures[end] == signatures[position]:
                end += 1
            times, first = end - position, figure.branches[position]
            foldable = times >= FEWEST_BRANCHES and isinstance(first, Series)
            if foldable and not any(self._crossing(branch.members) for branch in figure.branches[position:end]):  # type: ignore[union-attr]
                for other in figure.branches[position + 1 : end]:
                    self._absorb(first, other)
                branches.append(first)
                counts.append(times)
                position = end
            else:
                branches.append(first)
                counts.append(1)
                position += 1
        figure.branches, figure.counts = branches, counts

    def _absorb(self, kept: Figure, other: Figure) -> None:
        """Make a figure, and all in it, a copy of an equal one."""
        self.into[other] = kept
        if isinstance(kept, Box | Join):
            assert isinstance(other, Box | Join)
            kept.copies += other.copies
            kept.output = other.output
        if isinstance(kept, Box) and isinstance(other, Box) and kept.before != other.before:
            kept.before = ""  # all are changed, but not alike
        for one, another in zip(parts_of(kept), parts_of(other), strict=True):
            self._absorb(one, another)

    def _span(self, figure: Figure) -> tuple[int, int]:
        """Return the first and the last position in a figure."""
        if figure not in self._spans:
            spans = [(figure.position, figure.position), *map(self._span, parts_of(figure))]
            self._spans[figure] = min(low for low, _ in spans), max(high for _, high in spans)
        return self._spans[figure]

    def _signature(self, figure: Figure) -> int:
        """Return a number that equal figures have in common."""
        if figure not in self._signatures:
            key = self._key(figure)
            self._signatures[figure] = self._numbers.setdefault(key, len(self._numbers))
        return self._signatures[figure]

    def _key(self, figure: Figure) -> tuple[object, ...]:
        match figure:
            case Box():
                ops = (_op_key(op) for op in figure.copies[0]) if figure.copies else ()
                facts = (figure.kind, figure.label, figure.count, figure.status, figure.output[1:])
                return "box", *facts, *self._offsets(figure), *ops
            case Join():
                return "join", figure.merge, figure.linked, figure.status, figure.output[1:], *self._offsets(figure)
            case Parallel():
                return "parallel", *figure.counts, *map(self._signature, parts_of(figure))
            case Frame():
                return "frame", figure.label, figure.count, self._signature(figure.child)
        return type(figure).__name__, *map(self._signature, parts_of(figure))

    def _offsets(self, figure: Figure) -> Iterable[int]:
        """Return how far back the sources of a figure's far edges are."""
        return (figure.position - source.position for source in self._sources.get(figure, ()))


def _is_block(figure: Figure) -> bool:
    """Return whether a figure stands for a block or a sequence."""
    return isinstance(figure, Frame) or (isinstance(figure, Box) and figure.kind == "composite")


def _op_key(op: PlannedOp) -> tuple[object, ...]:
    """Return what equal operations have in common."""
    unequal = op.op.type in _UNEQUAL_ALLOWED
    return op.op.type, "" if unequal else repr(vars(op.op)), op.output_shape[1:], len(op.inputs)
