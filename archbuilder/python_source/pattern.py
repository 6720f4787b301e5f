"""Patterns: what chains of one structure have in common, and where they differ.

A pattern is made of a number of instances at once (anti-unification). Each part of it keeps the node of every instance,
or None where an instance lacks the part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from archbuilder.plan.plan import Chain, Fork, OpNode, PartNode, PlannedOp, Take, TreeNode
from archbuilder.primitives import Activation, Primitive
from archbuilder.primitives.facts import PARAMETER, Call

if TYPE_CHECKING:
    from archbuilder.python_source.definitions import ClassDefinition

Node = TypeVar("Node", bound=TreeNode)
IDENTITY = "torch.nn.Identity"


@dataclass(eq=False)
class Part:
    """A part of a pattern.

    Attributes:
        nodes: The node of each instance; None where an instance lacks the part.
    """

    nodes: list[TreeNode | None]

    @property
    def present(self) -> list[bool]:
        """Which instances have the part."""
        return [node is not None for node in self.nodes]

    @property
    def is_optional(self) -> bool:
        """Whether an instance lacks the part."""
        return None in self.nodes

    @property
    def first(self) -> TreeNode:
        """The node of the first instance that has it."""
        return next(node for node in self.nodes if node is not None)

    @property
    def name(self) -> str:
        """The name of the child; empty for what is no child."""
        node = self.first
        return node.name if isinstance(node, OpNode | Chain) else ""


@dataclass(eq=False)
class Leaf(Part):
    """One torch module, or one parameter.

    Attributes:
        is_dropped: Whether it is an identity whose place nothing counts, so that it needs no module.
    """

    is_dropped: bool = False

    def calls(self) -> list[Call | None]:
        """Return the torch call of each instance."""
        return [None if node is None else call_of(operation(node)) for node in self.nodes]

    @property
    def is_factor(self) -> bool:
        """Whether it is a parameter of the module around it."""
        return call_of(operation(self.first)).target == PARAMETER

    @property
    def is_flat(self) -> bool:
        """Whether it is a parameter with one value for each channel of a map, without height and width."""
        assert isinstance(self.first, OpNode)
        return self.is_factor and len(call_of(operation(self.first)).args[0]) < len(self.first.op.input_shapes[0])

    @property
    def is_identity(self) -> bool:
        """Whether it is torch's identity in every instance."""
        return all(call is None or call.target == IDENTITY for call in self.calls())


@dataclass(eq=False)
class Use(Part):
    """An instance of a class."""

    definition: "ClassDefinition"


@dataclass(eq=False)
class Sequential(Part):
    """An `nn.Sequential`, written where it is used."""

    members: list[Part]
    is_numbered: bool


@dataclass(eq=False)
class Wiring(Part):
    """A chain without modules, such as a named sum of earlier outputs: statements of the forward pass around it."""

    members: list[Part]


@dataclass(eq=False)
class Branch:
    """A branch of a fork: its members; `present` says which instances have it."""

    members: list[Part]
    present: list[bool]
    chains: list[Chain | None]


@dataclass(eq=False)
class Parallel(Part):
    """A fork."""

    branches: list[Branch]

    @property
    def merge(self) -> PlannedOp:
        """The merge of the first instance."""
        node = self.first
        assert isinstance(node, Fork)
        return node.merge

    @property
    def is_even_split(self) -> bool:
        """Whether it splits its input into equal parts, one for each branch."""
        forks = [node for node in self.nodes if isinstance(node, Fork)]
        return len(self.branches) > 1 and all(map(_is_even_split, forks))


def _is_even_split(fork: Fork) -> bool:
    firsts = [branch.members[0] if branch.members else None for branch in fork.branches]
    calls = [call_of(first.op) for first in firsts if isinstance(first, PartNode)]
    if len(calls) < len(firsts):
        return False
    size = calls[0].args[2]
    places = [(place.args[1], place.args[2]) for place in calls]
    whole = firsts[0].op.input_shapes[0][0] if isinstance(firsts[0], PartNode) else 0
    return places == [(number * size, size) for number in range(len(calls))] and size * len(calls) == whole


@dataclass(eq=False)
class Recall(Part):
    """Earlier outputs as the input of what follows."""

    @property
    def take(self) -> Take:
        """What the first instance takes."""
        node = self.first
        assert isinstance(node, Take)
        return node


@dataclass(eq=False)
class Narrow(Part):
    """A part of the channels."""


def operation(node: TreeNode) -> PlannedOp:
    """Return the operation of a leaf."""
    assert isinstance(node, OpNode | PartNode)
    return node.op


def call_of(op: PlannedOp) -> Call:
    """Return the torch call of an operation that is no merge."""
    assert isinstance(op.op, Primitive)
    return op.op.call(op.input_shapes[0])


def children_of(members: Sequence[TreeNode]) -> list[OpNode | Chain]:
    """Return the named nodes of a list, those in its forks included: the children of its module."""
    found: list[OpNode | Chain] = []
    for node in members:
        if isinstance(node, Fork):
            for branch in node.branches:
                found += [branch] if branch.name else children_of(branch.members)
        elif isinstance(node, OpNode | Chain):
            found.append(node)
    return found


def is_wiring(chain: Chain) -> bool:
    """Return whether a chain has no modules and no place among numbered ones, so that it needs none itself."""
    inside = all(isinstance(child, Chain) and is_wiring(child) for child in children_of(chain.members))
    return inside and not chain.name.isdigit()


def is_numbered(members: Sequence[TreeNode]) -> bool:
    """Return whether the children of a list are named by their positions, as those of nn.Sequential are."""
    return is_plain(members) and [child.name for child in children_of(members)] == [str(n) for n in range(len(members))]


def is_plain(members: Sequence[TreeNode]) -> bool:
    """Return whether a list is children one after the other, without forks, earlier outputs and factors."""
    return all(_is_step(node) for node in members)


def _is_step(node: TreeNode) -> bool:
    if isinstance(node, OpNode):
        return call_of(node.op).target != PARAMETER
    return isinstance(node, Chain) and not node.outer


def child_names(part: Part) -> list[str]:
    """Return the names of the children that a part of a pattern has."""
    if isinstance(part, Parallel):
        return [name for branch in part.branches for member in branch.members for name in child_names(member)]
    return [part.name] if part.name and not isinstance(part, Wiring) else []


def is_nonlinearity(op: PlannedOp) -> bool:
    """Return whether an operation is a nonlinearity whose class is made without arguments."""
    if op.op.type != Activation.type:
        return False
    call = call_of(op)
    return not call.args and not call.kwargs
