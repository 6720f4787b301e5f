"""Where a network's costs lie: its ops in groups, whose costs sum to the network's."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from math import prod

from archbuilder.costs.geometry import Geometry, geometry, layer_geometry
from archbuilder.plan.plan import Chain, Fork, OpNode, Plan, PlannedOp, Take, TreeNode
from archbuilder.primitives import Convolution, Linear, Shape, shape_text


class By(StrEnum):
    """What the ops of a network are grouped by."""

    LAYER = "layer"
    BRANCH = "branch"
    STAGE = "stage"
    OPERATOR = "operator"


class Sort(StrEnum):
    """What rows can be sorted by."""

    MACS = "macs"
    PARAMETERS = "parameters"
    ACTIVATIONS = "activations"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Row:
    """A group of ops and what they cost together, for one image in evaluation.

    Attributes:
        name: The group's name.
        what: A word for what it is: a layer's type, or what it is made of.
        parameters: Its trained numbers.
        macs: Its multiply-adds.
        activations: The values that its convolutions and linear layers give.
        output_shape: The shape that leaves it; None where its ops lie all over the network.
        geometry: What one position of what leaves it sees of the image; None where no shape leaves it.
        training_only: Whether it is a head: evaluation does without it, and no sum counts it.
    """

    name: str
    what: str
    parameters: int
    macs: int
    activations: int
    output_shape: Shape | None = None
    geometry: Geometry | None = None
    training_only: bool = False

    @property
    def flops(self) -> int:
        """Its floating-point operations: two for each MAC."""
        return 2 * self.macs


def breakdown(plan: Plan, by: By | str) -> list[Row]:
    """Break a network's costs down; every op of evaluation is in exactly one row.

    Args:
        plan: The network.
        by: What ops are grouped by. A `branch` is one of a fork that stands in no other; what is in no branch, such as
            the op that joins them, makes a row of its layer behind them. A `stage` is a run of layers whose maps have
            one height and width.

    Returns:
        The rows in the order of the network, then those of the heads, which are training only.

    Raises:
        ValueError: `by` is none of them.
    """
    rows = {By.LAYER: _layers, By.BRANCH: _branches, By.STAGE: _stages, By.OPERATOR: _operators}[By(by)](plan)
    by_op = geometry(plan)
    for head in plan.heads:
        seen = by_op[head.layer.ops[-1].index if head.layer.ops else head.tapped]
        rows.append(_row(head.name, head.layer.type, head.layer.ops, head.layer.output_shape, seen, training_only=True))
    return rows


def sort_rows(rows: list[Row], sort: Sort | None) -> list[Row]:
    """Sort rows, the largest numbers first or the names from A to Z; what is for training only stays last."""
    if sort is None:
        return rows
    if sort is Sort.NAME:
        return sorted(rows, key=lambda row: (row.training_only, row.name))
    return sorted(rows, key=lambda row: (row.training_only, -getattr(row, sort)))


def _row(
    name: str,
    what: str,
    ops: Sequence[PlannedOp],
    output_shape: Shape | None = None,
    seen: Geometry | None = None,
    *,
    training_only: bool = False,
) -> Row:
    return Row(
        name=name,
        what=what,
        parameters=sum(op.parameters for op in ops),
        macs=sum(op.macs for op in ops),
        activations=sum(prod(op.output_shape) for op in ops if isinstance(op.op, Convolution | Linear)),
        output_shape=output_shape,
        geometry=seen,
        training_only=training_only,
    )


def _layers(plan: Plan) -> list[Row]:
    return [
        _row(layer.name, layer.type, layer.ops, layer.output_shape, seen)
        for layer, seen in zip(plan.layers, layer_geometry(plan), strict=True)
    ]


def _operators(plan: Plan) -> list[Row]:
    found: dict[str, list[PlannedOp]] = {}
    for op in plan.ops:
        found.setdefault(op.op.type, []).append(op)
    return [_row(name, f"{len(ops):,} op" + "s" * (len(ops) != 1), ops) for name, ops in found.items()]


def _stages(plan: Plan) -> list[Row]:
    rows: list[Row] = []
    names: set[str] = set()
    layers = zip(plan.layers, layer_geometry(plan), strict=True)
    for extent, run in groupby(layers, key=lambda pair: pair[0].output_shape[1:]):
        members = list(run)
        last, seen = members[-1]
        first = members[0][0].name
        reach = first if len(members) == 1 else f"{first} to {last.name}"
        name = shape_text(extent) if extent else "classifier"
        if name in names:
            name = f"{name} ({reach})"
        names.add(name)
        ops = [op for layer, _ in members for op in layer.ops]
        rows.append(_row(name, reach, ops, last.output_shape, seen))
    return rows


# -- branches ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class _Branch:
    """The ops of one branch: those of forks in it are its own."""

    name: str
    merge: str
    ops: tuple[PlannedOp, ...]


def _branches(plan: Plan) -> list[Row]:
    by_op = geometry(plan)
    branch_of: dict[int, _Branch] = {}
    for found in _outermost(plan.trees, "", {}):
        branch_of |= dict.fromkeys((op.index for op in found.ops), found)
    rows: list[Row] = []
    for layer, seen in zip(plan.layers, layer_geometry(plan), strict=True):
        own = [branch_of[op.index] for op in layer.ops if op.index in branch_of]
        for branch in dict.fromkeys(own):
            last = branch.ops[-1]
            what = f"branch of {branch.merge}"
            rows.append(_row(branch.name, what, branch.ops, last.output_shape, by_op[last.index]))
        rest = [op for op in layer.ops if op.index not in branch_of]
        what = f"rest of {layer.type}" if own else layer.type
        rows.append(_row(layer.name, what, rest, layer.output_shape, seen))
    return rows


def _outermost(nodes: Iterable[TreeNode], path: str, forks: dict[str, int]) -> Iterator[_Branch]:
    """Give the branches, with any ops, of the forks that stand in no other.

    Args:
        nodes: Nodes of the tree.
        path: The dotted name of the nearest named chain.
        forks: How many forks there have been under each path: names of unnamed branches must differ.
    """
    for node in nodes:
        if isinstance(node, Chain):
            yield from _outermost(node.members, _full(path, node.name), forks)
        elif isinstance(node, Fork):
            place = path or node.merge.layer
            forks[place] = forks.get(place, 0) + 1
            for number, branch in enumerate(node.branches, 1):
                if ops := tuple(_ops(branch)):
                    fork = f"fork {forks[place]}, " if forks[place] > 1 else ""
                    own = _own_name(branch)
                    name = _full(path, own) if own else f"{place} ({fork}branch {number})"
                    yield _Branch(name, node.merge.op.type, ops)


def _own_name(branch: Chain) -> str:
    """Give a branch's name: it stands at the branch, or at its one member; an empty text if it has none."""
    if not branch.name and len(branch.members) == 1 and isinstance(branch.members[0], OpNode | Chain):
        return branch.members[0].name
    return branch.name


def _ops(node: TreeNode) -> Iterator[PlannedOp]:
    if isinstance(node, OpNode):
        yield node.op
    elif isinstance(node, Take):
        if node.merge:
            yield node.merge
    elif isinstance(node, Fork):
        for branch in node.branches:
            yield from _ops(branch)
        yield node.merge
    else:
        for member in node.members:
            yield from _ops(member)


def _full(path: str, name: str) -> str:
    return ".".join(part for part in (path, name) if part)
