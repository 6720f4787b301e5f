"""Two networks as one tree: what both have, what was added, and what was removed, each at its place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import NamedTuple

from archbuilder.drawing.captions import Caption, caption
from archbuilder.drawing.figures import Status
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
)


class Change(NamedTuple):
    """How an operation compares with that of the same name before; `before` is None where there was none."""

    status: Status
    before: PlannedOp | None = None


@dataclass(frozen=True)
class Changes:
    """How a network differs from another.

    Attributes:
        trees: The trees of names of both networks together.
        heads: The heads of both.
        by_op: The change of every operation in these.
        tapped: The operation whose output a head takes, by the head's name.
        nodes: The status of the nodes that only one of them has.
        taps: How the line to each head differs, by the head's name, and what it took before, if it did.
        uses_before: How often the output of each operation of the first network is used.
    """

    trees: tuple[TreeNode, ...] = ()
    heads: tuple[PlannedHead, ...] = ()
    by_op: Mapping[PlannedOp, Change] = field(default_factory=dict)
    tapped: Mapping[str, PlannedOp] = field(default_factory=dict)
    nodes: Mapping[TreeNode, Status] = field(default_factory=dict)
    taps: Mapping[str, tuple[Status, str]] = field(default_factory=dict)
    uses_before: Mapping[PlannedOp, int] = field(default_factory=dict)

    def is_removed(self, op: PlannedOp) -> bool:
        """Return whether only the first network has an operation."""
        return bool(self.by_op) and self.by_op[op].status == "removed"

    def of(self, ops: Sequence[PlannedOp]) -> tuple[Status, str]:
        """Return the status of a figure that holds some operations, and what it was if it is changed."""
        if not self.by_op:
            return "same", ""
        found = [self.by_op[op] for op in ops]
        statuses = {change.status for change in found}
        if len(statuses) == 1 and statuses <= {"same", "added", "removed", "affected"}:
            return found[0].status, ""
        if statuses <= {"same", "affected"}:
            return "affected", ""
        before = [change.before for change in found if change.before is not None]
        return "changed", _what_was(caption(before), caption(ops)) if before else ""


def _what_was(before: Caption, after: Caption) -> str:
    """Return the part of a caption that is another now."""
    words = [before.main] if before.main != after.main else []
    words += [word for word in before.details if word not in after.details]
    added = [word for word in after.details if word not in before.details]
    if words or not added:
        return ", ".join(words)
    return f"without {', '.join(added)}"


NO_CHANGES = Changes()


def compare(before: Plan, after: Plan) -> Changes:
    """Compare two networks, operation by operation, by their names."""
    union = _Union(before, after)
    trees = tuple(union.nodes(before.trees, after.trees))
    old_heads = {head.name: head for head in before.heads}
    heads, tapped = [], {}
    taps: dict[str, tuple[Status, str]] = {}
    for head in after.heads:
        old = old_heads.pop(head.name, None)
        if old is None or old.after != head.after:
            taps[head.name] = "added", f"after {old.after}" if old else ""
        (tree,) = union.nodes((old.tree,) if old else (), (head.tree,))
        assert isinstance(tree, Chain)
        heads.append(replace(head, tree=tree))
    for head in old_heads.values():
        taps[head.name] = "removed", ""
        (tree,) = union.nodes((head.tree,), ())
        assert isinstance(tree, Chain)
        heads.append(replace(head, tree=tree))
        if head.tapped >= 0:
            tapped[head.name] = union.kept[before.ops[head.tapped]]
    every = [op for layer in before.all_layers() for op in layer.ops]
    uses = dict.fromkeys(every, 0)
    by_index = {op.index: op for op in every}
    for op in every:
        for index in op.inputs:
            if index in by_index:
                uses[by_index[index]] += 1
    return Changes(trees, tuple(heads), union.by_op, tapped, union.only, taps, uses)


class _Union:
    """Merges trees; of an operation that both networks have, the second's is kept."""

    def __init__(self, before: Plan, after: Plan) -> None:
        self.by_op: dict[PlannedOp, Change] = {}
        self.only: dict[TreeNode, Status] = {}
        self.kept: dict[PlannedOp, PlannedOp] = {}  # operations of the first network, as they are in the union
        self._names = ({op.index: op.name for op in before.ops}, {op.index: op.name for op in after.ops})
        self._common = {"input", *self._names[0].values()} & {"input", *self._names[1].values()}

    def nodes(self, before: Sequence[TreeNode], after: Sequence[TreeNode]) -> Iterator[TreeNode]:
        """Yield the nodes of two lists, in order."""
        keys = [_key(node) for node in before], [_key(node) for node in after]
        for _, start, end, other_start, other_end in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
            olds, news = before[start:end], after[other_start:other_end]
            if keys[0][start:end] == keys[1][other_start:other_end]:
                yield from map(self._both, olds, news)
                continue
            for node in olds:
                for op in ops_in(node):
                    self.by_op[op] = Change("removed", op)
                    self.kept[op] = op
                self.only[node] = "removed"
                yield node
            for node in news:
                self.only[node] = "added"
                self.by_op |= {op: Change("added") for op in ops_in(node)}
                yield node

    def _both(self, before: TreeNode, after: TreeNode) -> TreeNode:
        """Return the union of two nodes with one key."""
        match before, after:
            case OpNode(), OpNode():
                self._op(before.op, after.op)
            case PartNode(), PartNode():
                self._op(before.op, after.op)
            case Chain(), Chain():
                members = tuple(self.nodes(before.members, after.members))
                return Chain(after.name, after.label, members, tuple(dict.fromkeys((*before.outer, *after.outer))))
            case Fork(), Fork():
                branches = tuple(self.nodes(before.branches, after.branches))
                self._op(before.merge, after.merge)
                return Fork(after.merge, branches)  # type: ignore[arg-type]
            case Take(), Take():
                if before.merge and after.merge:
                    self._op(before.merge, after.merge)
        return after

    def _op(self, before: PlannedOp, after: PlannedOp) -> None:
        self.kept[before] = after
        if type(before.op) is not type(after.op) or vars(before.op) != vars(after.op):
            status: Status = "changed"
        elif self._takes_others(before, after):
            status = "changed"
        elif (before.input_shapes, before.output_shape) != (after.input_shapes, after.output_shape):
            status = "affected"
        else:
            status = "same"
        self.by_op[after] = Change(status, before)

    def _takes_others(self, before: PlannedOp, after: PlannedOp) -> bool:
        """Return whether the inputs are others, apart from operations that only one network has."""
        old, new = (
            [names.get(index, "input") for index in op.inputs]
            for names, op in zip(self._names, (before, after), strict=True)
        )
        return len(old) != len(new) or any(
            one != other and {one, other} <= self._common for one, other in zip(old, new, strict=True)
        )


def _key(node: TreeNode) -> tuple[str, ...]:
    """Return what two nodes of two lists must have in common to be the same node."""
    match node:
        case OpNode():
            return "op", node.name
        case Chain():
            if node.name:
                return "chain", node.name
            first = next((_key(member) for member in node.members), ())
            return "branch", *first
        case Fork():
            return ("fork",)
        case Take():
            return "take", str(node.merge is None), *node.names
    return ("part",)
