"""Costs of a network by groups of ops, which sum to the costs of the network."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from archbuilder.costs.branches import Branch, branches
from archbuilder.costs.geometry import Geometry, geometry, layer_geometry
from archbuilder.costs.options import By, Sort
from archbuilder.costs.parts import parts, parts_by_map_size
from archbuilder.plan.plan import Plan, PlannedOp
from archbuilder.primitives import Shape, shape_text


@dataclass(frozen=True, slots=True)
class CostRow:
    """The total costs of a group of ops, for one image in evaluation.

    Attributes:
        name: The group's name.
        what: A layer's type, or what the group consists of.
        parameters: Trainable parameters.
        macs: Multiply-adds.
        activations: Output elements of convolutions and linear layers.
        output_shape: The output shape; None if the group has no single output.
        geometry: The receptive field and stride of its output; None if it has no single output.
        training_only: Whether it is a head, which evaluation skips and no total includes.
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
        """Floating-point operations: two for each MAC."""
        return 2 * self.macs


def breakdown(plan: Plan, by: By | str, depth: int | None = None) -> list[CostRow]:
    """Break a network's costs down; every op of evaluation is in exactly one row.

    Args:
        plan: The network.
        by: What ops are grouped by. A `branch` is one of the outermost fork or, if that adds or multiplies, of the
            concatenations in it; ops in no branch, such as the merge, form a row of their layer after the branches. A
            `stage` is a run of layers, or of members of sequences, whose maps have one height and width. An `operator`
            is a type of op, an `op` a single one.
        depth: For `layer`: how many levels of names are expanded; see `parts`.

    Returns:
        The rows in the order of the network, then those of the heads.

    Raises:
        ValueError: `by` is not one of these.
    """
    group = {By.LAYER: _layers, By.BRANCH: _branches, By.STAGE: _stages, By.OPERATOR: _operators, By.OP: _ops}[By(by)]
    rows = group(plan, depth)
    by_op = geometry(plan)
    for head in plan.heads:
        head_geometry = by_op[head.layer.ops[-1].index if head.layer.ops else head.tapped]
        rows.append(
            _row(head.name, head.layer.type, head.layer.ops, head.layer.output_shape, head_geometry, training_only=True)
        )
    return rows


def sort_rows(rows: list[CostRow], sort: Sort | None) -> list[CostRow]:
    """Sort rows by a column, largest first, or by name; heads stay last."""
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
    output_geometry: Geometry | None = None,
    *,
    training_only: bool = False,
) -> CostRow:
    """Return a row with the sums of the parameters, MACs and activations of ops."""
    return CostRow(
        name=name,
        what=what,
        parameters=sum(op.parameters for op in ops),
        macs=sum(op.macs for op in ops),
        activations=sum(op.activations for op in ops),
        output_shape=output_shape,
        geometry=output_geometry,
        training_only=training_only,
    )


def _layers(plan: Plan, depth: int | None) -> list[CostRow]:
    """Return a row for each part of the network at a depth of names."""
    layers = parts(plan, depth)
    return [
        _row(layer.name, layer.type, layer.ops, layer.output_shape, output_geometry)
        for layer, output_geometry in zip(layers, layer_geometry(plan, layers), strict=True)
    ]


def _ops(plan: Plan, _: int | None) -> list[CostRow]:
    by_op = geometry(plan)
    return [_row(op.name, op.op.type, [op], op.output_shape, by_op[op.index]) for op in plan.ops]


def _operators(plan: Plan, _: int | None) -> list[CostRow]:
    found: dict[str, list[PlannedOp]] = {}
    for op in plan.ops:
        found.setdefault(op.op.type, []).append(op)
    return [_row(name, f"{len(ops):,} op" + "s" * (len(ops) != 1), ops) for name, ops in found.items()]


def _stages(plan: Plan, _: int | None) -> list[CostRow]:
    """Return a row for each run of layers whose maps have one height and width."""
    rows: list[CostRow] = []
    names: set[str] = set()
    members = parts_by_map_size(plan)
    layers = zip(members, layer_geometry(plan, members), strict=True)
    for extent, group in groupby(layers, key=lambda pair: pair[0].output_shape[1:]):
        run = list(group)
        last, output_geometry = run[-1]
        first = run[0][0].name
        reach = first if len(run) == 1 else f"{first} to {last.name}"
        name = shape_text(extent) if extent else "classifier"
        if name in names:
            name = f"{name} ({reach})"
        names.add(name)
        ops = [op for layer, _ in run for op in layer.ops]
        rows.append(_row(name, reach, ops, last.output_shape, output_geometry))
    return rows


def _branches(plan: Plan, _: int | None) -> list[CostRow]:
    """Return a row for each branch, and one for the other ops of each layer."""
    by_op = geometry(plan)
    branch_of: dict[int, Branch] = {}
    for branch in branches(plan):
        branch_of |= dict.fromkeys((op.index for op in branch.ops), branch)
    rows: list[CostRow] = []
    layers = parts(plan)
    for layer, output_geometry in zip(layers, layer_geometry(plan, layers), strict=True):
        layer_branches = [branch_of[op.index] for op in layer.ops if op.index in branch_of]
        for branch in dict.fromkeys(layer_branches):
            last = branch.ops[-1]
            what = f"branch of {branch.merge}"
            rows.append(_row(branch.name, what, branch.ops, last.output_shape, by_op[last.index]))
        rest = [op for op in layer.ops if op.index not in branch_of]
        what = f"rest of {layer.type}" if layer_branches else layer.type
        rows.append(_row(layer.name, what, rest, layer.output_shape, output_geometry))
    return rows
