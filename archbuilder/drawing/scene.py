"""From a plan's tree of names to figures: what becomes a box, a join, a frame, and which outputs are used again."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, count, islice, pairwise
from typing import NamedTuple

from archbuilder.drawing.captions import FOLLOWERS, Caption, caption, composite_caption
from archbuilder.drawing.difference import NO_CHANGES, Changes
from archbuilder.drawing.figures import (
    Box,
    FarEdge,
    Figure,
    Frame,
    Head,
    Join,
    Line,
    Parallel,
    Scene,
    Series,
    output_of,
    within,
)
from archbuilder.drawing.opening import Opening
from archbuilder.plan.plan import (
    Chain,
    Fork,
    OpNode,
    PartNode,
    Plan,
    PlannedHead,
    PlannedOp,
    Take,
    TreeNode,
    ops_in,
    outer_take,
    recalled,
)
from archbuilder.primitives import Primitive, Shape, shape_text


class _Output(NamedTuple):
    """An output that can be used again: the figure that has it, and its shape."""

    figure: Figure
    shape: Shape


_Outputs = dict[str, _Output]


def build_scene(plan: Plan, opening: Opening, changes: Changes = NO_CHANGES) -> Scene:
    """Draw a plan's tree of names as figures; nothing is folded yet.

    Args:
        plan: The network.
        opening: Which named nodes are opened; the others become one box each.
        changes: How it differs from another network; its trees are drawn in place of the plan's.
    """
    trees, heads = (changes.trees, changes.heads) if changes.trees else (plan.trees, plan.heads)
    return _Builder(plan, heads, opening, changes).scene(trees, heads)


class _Builder:
    def __init__(self, plan: Plan, heads: Sequence[PlannedHead], opening: Opening, changes: Changes) -> None:
        self._plan = plan
        self._opening = opening
        self._changes = changes
        self._position = count()
        self._edges: list[FarEdge] = []
        self._uses = {**changes.uses_before, **uses_of(plan)}

    def scene(self, trees: Iterable[TreeNode], heads: Sequence[PlannedHead]) -> Scene:
        plan = self._plan
        start = Box("input", "input", Caption("input", (shape_text(plan.input_shape),)), plan.input_shape)
        start.position = next(self._position)
        trunk = Series([start], "", plan.input_shape)
        end_shape = self._fill(trunk, tuple(trees), 1, _Output(start, plan.input_shape), {}).shape
        end = Box("output", "output", Caption("output", (plan.ending,)), end_shape, position=next(self._position))
        trunk.members.append(end)
        owners: dict[PlannedOp, Figure] = {}
        for figure in within(trunk):
            if isinstance(figure, Box | Join):
                owners |= dict.fromkeys(chain.from_iterable(figure.copies), figure)
        found: list[Head] = []
        by_index = {op.index: op for op in plan.ops}
        for head in heads:
            op = self._changes.tapped.get(head.name) or by_index.get(head.tapped)
            source = owners.get(op, start) if op is not None else start
            status, before = self._changes.taps.get(head.name, ("same", ""))
            found.append(Head(source, self._head(head, source), status, before))
        return Scene(trunk, found, self._edges)

    def _head(self, head: PlannedHead, source: Figure) -> Frame:
        shape = output_of(source) or self._plan.input_shape
        series = Series([], head.name, shape, next(self._position))
        if self._opening.opens(head.name, 1):
            self._fill(series, head.tree.members, 2, _Output(source, shape), {}, head.name)
        else:
            self._append(series, self._composite(head.name, head.tree.label, tuple(ops_in(head.tree))))
        return Frame(head.name, head.tree.label, series, position=series.position)

    # -- lists -------------------------------------------------------------------------------------------------------

    def _fill(
        self,
        series: Series,
        nodes: Sequence[TreeNode],
        level: int,
        flow: _Output,
        around: _Outputs,
        path: str = "",
    ) -> _Output:
        """Add the figures of a list of nodes to a series.

        Args:
            series: The series.
            nodes: The nodes.
            level: The number of names above the nodes, plus 1.
            flow: The input of the list.
            around: The outputs of the list around a named fork, which its branches may use.
            path: The full name of the nearest named node around the list.

        Returns:
            The output of the list.
        """
        if path and "input" in recalled(nodes):
            port = Box("port", path, Caption(""), flow.shape, position=next(self._position))
            series.members.append(port)
            flow = _Output(port, flow.shape)
        outputs: _Outputs = {"input": flow}
        position = 0
        while position < len(nodes):
            node = nodes[position]
            position += 1
            match node:
                case OpNode():
                    ops = self._with_followers(nodes, position - 1)
                    position += len(ops) - 1
                    flow = self._ops(series, ops, flow)
                    outputs |= {
                        one.name: flow for one in nodes[position - len(ops) : position] if isinstance(one, OpNode)
                    }
                case PartNode():
                    box = self._box("part", node.op.name, (node.op,))
                    flow = self._append(series, box)
                case Take():
                    flow = self._take(series, node, flow, outputs)
                case Fork():
                    flow = self._fork(series, node, level, flow, around or outputs, path)
                case Chain():
                    flow = self._chain(series, node, level, flow, outputs, path)
                    if node.name:
                        outputs[node.name] = flow
        return flow

    def _append(self, series: Series, figure: Figure) -> _Output:
        series.members.append(figure)
        return _Output(figure, output_of(figure) or series.entry)

    def _box(self, kind: str, name: str, ops: tuple[PlannedOp, ...], text: Caption | None = None) -> Box:
        status, before = self._changes.of(ops)
        box = Box(kind, name, text or caption(ops), ops[-1].output_shape, [ops], status=status, before=before)  # type: ignore[arg-type]
        box.position = next(self._position)
        return box

    def _composite(self, name: str, label: str, ops: tuple[PlannedOp, ...]) -> Box:
        kept = [op for op in ops if not self._changes.is_removed(op)] or ops
        box = self._box("composite", name, ops, composite_caption(label, name, kept))
        box.before = ""  # the caption is not that of the operations
        box.label = label
        return box

    def _ops(self, series: Series, ops: tuple[PlannedOp, ...], flow: _Output) -> _Output:
        """Add an operation and its followers as a box, or to the box before them if the operation is a follower too."""
        last = series.members[-1] if series.members else None
        if not isinstance(last, Box) or last.kind != "op" or last is not flow.figure:
            return self._append(series, self._box("op", ops[0].name, ops))
        if not self._follows(last.copies[0][-1], ops[0]):
            return self._append(series, self._box("op", ops[0].name, ops))
        series.members.pop()
        joined = self._box("op", last.name, (*last.copies[0], *ops))
        joined.position = last.position
        return self._append(series, joined)

    def _with_followers(self, nodes: Sequence[TreeNode], start: int) -> tuple[PlannedOp, ...]:
        """Return the operation at a position of a list, and those after it that are drawn in its box."""
        ops: list[PlannedOp] = []
        for node in islice(nodes, start, None):
            if not isinstance(node, OpNode) or (ops and not self._follows(ops[-1], node.op)):
                break
            ops.append(node.op)
        return tuple(ops)

    def _follows(self, op: PlannedOp, after: PlannedOp) -> bool:
        """Return whether an operation is drawn in the box of the one before it."""
        removed = self._changes.is_removed
        return (
            after.op.type in FOLLOWERS
            and isinstance(op.op, Primitive)
            and op.op.type != "(part)"
            and self._uses.get(op, 0) <= 1
            and removed(op) == removed(after)
        )

    # -- nodes -------------------------------------------------------------------------------------------------------

    def _chain(self, series: Series, node: Chain, level: int, flow: _Output, outputs: _Outputs, path: str) -> _Output:
        ops = tuple(ops_in(node))
        if not node.name:
            return self._fill(series, node.members, level, flow, outputs if node.outer else {}, path)
        name = f"{path}.{node.name}" if path else node.name
        if not ops:
            return flow
        if all(isinstance(op.op, Primitive) for op in ops) and all(self._follows(*pair) for pair in pairwise(ops)):
            return self._append(series, self._box("op", name, ops))
        start = next(self._position)
        if not self._opening.opens(name, level):
            return self._closed(series, node, name, ops, outputs)
        inner = Series([], name, flow.shape, start)
        output = self._fill(inner, node.members, level + 1, flow, outputs if node.outer else {}, name)
        if len(inner.members) == 1 and _needs_no_frame(inner.members[0], node):
            return self._append(series, inner.members[0])
        frame = Frame(name, node.label, inner, position=start)
        series.members.append(frame)
        return _Output(frame, output.shape)

    def _closed(self, series: Series, node: Chain, name: str, ops: tuple[PlannedOp, ...], outputs: _Outputs) -> _Output:
        """Add a whole node as one box, with the earlier outputs that a named fork uses."""
        flow = self._append(series, self._composite(name, node.label, ops))
        assert isinstance(flow.figure, Box)
        for source in node.outer:
            self._edges.append(FarEdge(outputs[source].figure, flow.figure))
        return flow

    def _take(self, series: Series, node: Take, flow: _Output, outputs: _Outputs) -> _Output:
        sources = [outputs[name] for name in dict.fromkeys(node.names)]
        if node.merge is None:
            (source,) = sources
            if source.figure is flow.figure:
                return flow
            word = node.names[0]
            target = Box("source", word, Caption(f"from {word}"), source.shape, position=next(self._position))
            target.status = self._changes.nodes.get(node, "same")
            self._edges.append(FarEdge(source.figure, target))
            return self._append(series, target)
        far = [source.figure for source in sources if source.figure is not flow.figure]
        join = self._join(node.merge, linked=len(far) < len(sources))
        self._edges += [FarEdge(figure, join) for figure in dict.fromkeys(far)]
        return self._append(series, join)

    def _join(self, merge: PlannedOp, *, linked: bool = True) -> Join:
        status, _ = self._changes.of((merge,))
        position = next(self._position)
        return Join(merge.op.type, merge.name, merge.output_shape, [(merge,)], linked, status, position)

    def _fork(self, series: Series, node: Fork, level: int, flow: _Output, outputs: _Outputs, path: str) -> _Output:
        start = next(self._position)
        branches: list[Series | Line] = []
        far: list[Figure] = []
        for branch in node.branches:
            if take := outer_take(branch):
                far += [outputs[name].figure for name in take.names]
                continue
            inner = Series([], path, flow.shape, next(self._position))
            self._fill(inner, (branch,), level, flow, {}, path)
            while len(inner.members) == 1 and isinstance(frame := inner.members[0], Frame) and not frame.label:
                inner = frame.child  # the names in a branch say which it is
            if len(inner.members) == 2 and isinstance(frame := inner.members[1], Frame) and not frame.label:
                part = inner.members[0]
                if isinstance(part, Box) and part.kind == "part":
                    inner.members[1:] = frame.child.members
            status = self._changes.nodes.get(branch, "same")
            branches.append(inner if inner.members else Line(inner.position, status))
        direct = [figure for figure in far if figure is flow.figure]
        branches += [Line(next(self._position)) for _ in direct if branches]
        far = [figure for figure in dict.fromkeys(far) if figure is not flow.figure]
        join = self._join(node.merge, linked=bool(branches or direct))
        self._edges += [FarEdge(figure, join) for figure in far]
        if not branches or (len(branches) == 1 and isinstance(branches[0], Line)):
            return self._append(series, join)
        only = branches[0]
        if len(branches) == 1 and not far and isinstance(only, Series) and isinstance(last := only.members[-1], Box):
            series.members += only.members  # a merge of one is that one
            last.copies[0] = (*last.copies[0], node.merge)
            return _Output(last, join.output)
        return self._append(series, Parallel(branches, join, [1] * len(branches), start))


def uses_of(plan: Plan) -> dict[PlannedOp, int]:
    """Count how often each operation's output is used."""
    every = [op for layer in plan.all_layers() for op in layer.ops]
    by_index = Counter(index for op in every for index in op.inputs)
    return {op: by_index[op.index] for op in every}


def _needs_no_frame(member: Figure, node: Chain) -> bool:
    """Return whether the only figure in a named node stands for the node itself."""
    if isinstance(member, Frame):
        return not node.label
    return isinstance(member, Box | Join)
