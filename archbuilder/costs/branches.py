"""The branches of a network: those of its outermost forks, or of the concatenations inside sums and products."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archbuilder.plan.plan import Chain, Fork, OpNode, Plan, PlannedOp, TreeNode, ops_in


@dataclass(frozen=True, eq=False, slots=True)
class Branch:
    """A branch of a fork.

    Attributes:
        name: The full name; for an unnamed branch, the name of its only layer, or its number.
        merge: The merge of the fork: `concat`, `add` or `multiply`.
        ops: Its ops, including those of nested forks.
    """

    name: str
    merge: str
    ops: tuple[PlannedOp, ...]


def branches(plan: Plan) -> Iterator[Branch]:
    """Yield the branches that have any ops, in the order of the network."""
    return _outermost(plan.trees, "", {})


def _outermost(nodes: Iterable[TreeNode], path: str, forks: dict[str, int]) -> Iterator[Branch]:
    """Yield the branches of the outermost forks, without empty ones.

    If a fork adds or multiplies, such as a residual, and contains a concatenation, the branches of the concatenation
    are yielded instead.

    Args:
        nodes: Nodes of the tree.
        path: The dotted name of the nearest named chain.
        forks: The number of forks so far under each path, as names of unnamed branches must differ.
    """
    for node in nodes:
        if isinstance(node, Chain):
            yield from _outermost(node.members, _joined_name(path, node.name), forks)
        elif isinstance(node, Fork):
            place = path or node.merge.layer
            position = forks[place] = forks.get(place, 0) + 1
            for number, branch in enumerate(node.branches, 1):
                if node.merge.op.type != "concat" and _has_concat(branch):
                    yield from _outermost([branch], path, forks)
                elif ops := tuple(ops_in(branch)):
                    fork = f"fork {position}, " if position > 1 else ""  # forks inside branches have been counted too
                    branch_name = _own_name(branch)
                    name = _joined_name(path, branch_name) if branch_name else f"{place} ({fork}branch {number})"
                    yield Branch(name, node.merge.op.type, ops)


def _has_concat(node: TreeNode) -> bool:
    if isinstance(node, Fork):
        return node.merge.op.type == "concat" or any(map(_has_concat, node.branches))
    return isinstance(node, Chain) and any(map(_has_concat, node.members))


def _own_name(branch: Chain) -> str:
    """Return the name of a branch, or of its only member; an empty string if there is none."""
    if not branch.name and len(branch.members) == 1 and isinstance(branch.members[0], OpNode | Chain):
        return branch.members[0].name
    return branch.name


def _joined_name(path: str, name: str) -> str:
    return ".".join(part for part in (path, name) if part)
