"""Patterns: what chains of one structure have in common, and where they differ.

A pattern is made of a number of instances at once (anti-unification). Each part of it keeps the node of every instance,
or None where an instance lacks the part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from archbuilder.plan.plan import Chain, Fork, OpNode, PartNode, PlannedOp, Take, TreeNode
from archbuilder.primitives import Activation, Primitive
from archbuilder.primitives.facts import PARAMETER, Call

if TYPE_CHECKING:
    from archbuilder.python_source.classes import ClassDefinition

Node = TypeVar("Node", bound=TreeNode)
IDENTITY = "torch.nn.Identity"


class DifferentError(Exception):
    """Nodes have no common structure."""


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


Definitions = Callable[[Chain], "ClassDefinition | None"]
"""Returns the class that a chain is an instance of; None where it is written where it is used."""


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


def unify_members(lists: Sequence[Sequence[TreeNode] | None], definitions: Definitions) -> list[Part]:
    """Return the pattern of lists of members, one for each instance; None for an instance without the list.

    Raises:
        DifferentError: They have no common structure.
    """
    given = [members for members in lists if members is not None]
    numbered = all(is_numbered(members) for members in given)
    if not numbered and len({is_numbered(members) for members in given if members}) > 1:
        raise DifferentError
    keys = {tuple(_key(node, numbered, definitions) for node in members) for members in given}
    if numbered and len(keys) > 1 and all(_place(node) for members in given for node in members):
        columns = _aligned(lists, _place)  # of the same members of a block's body
    else:
        columns = _aligned(lists, lambda node: _key(node, numbered, definitions))
    parts = [unify(column, definitions) for column in columns]
    for part in parts:
        lacking = [there and not has for there, has in zip(_having(lists), part.present, strict=True)]
        if any(lacking) and (
            not isinstance(part, Leaf | Use | Sequential) or (isinstance(part, Leaf) and part.is_factor)
        ):
            raise DifferentError  # what has no name cannot be left out
        if isinstance(part, Leaf):
            part.is_dropped = part.is_identity and not numbered
    names = [name for part in parts for name in child_names(part)]
    if not numbered and len(set(names)) < len(names):
        raise DifferentError
    return parts


def child_names(part: Part) -> list[str]:
    """Return the names of the children that a part of a pattern has."""
    if isinstance(part, Parallel):
        return [name for branch in part.branches for member in branch.members for name in child_names(member)]
    return [part.name] if part.name and not isinstance(part, Wiring) else []


def unify(nodes: Sequence[TreeNode | None], definitions: Definitions) -> Part:
    """Return the pattern of one node of each instance.

    Raises:
        DifferentError: They have no common structure.
    """
    found, first = list(nodes), next(node for node in nodes if node is not None)
    if any(node is not None and type(node) is not type(first) for node in found):
        raise DifferentError
    if isinstance(first, OpNode):
        return _leaf(found)
    if isinstance(first, Take):
        if len({(node.names, node.outer) for node in found if isinstance(node, Take)}) > 1:
            raise DifferentError
        return Recall(found)
    if isinstance(first, PartNode):
        return Narrow(found)
    if isinstance(first, Fork):
        return _parallel(found, definitions)
    return _chain(found, definitions)


def _leaf(nodes: list[TreeNode | None]) -> Leaf:
    operations = [operation(node) for node in nodes if node is not None]
    if len({call_of(op).target for op in operations}) > 1 and not all(map(is_nonlinearity, operations)):
        raise DifferentError
    return Leaf(nodes)


def is_nonlinearity(op: PlannedOp) -> bool:
    """Return whether an operation is a nonlinearity whose class is made without arguments."""
    if op.op.type != Activation.type:
        return False
    call = call_of(op)
    return not call.args and not call.kwargs


def _chain(nodes: list[TreeNode | None], definitions: Definitions) -> Part:
    chains = [node if isinstance(node, Chain) else None for node in nodes]
    if len({chain.outer for chain in chains if chain}) > 1:
        raise DifferentError
    classes = {definitions(chain) for chain in chains if chain}
    if len(classes) > 1:
        raise DifferentError
    definition = classes.pop()
    if definition is not None:
        return Use(nodes, definition)
    members = unify_members([chain.members if chain else None for chain in chains], definitions)
    if all(is_wiring(chain) for chain in chains if chain):
        return Wiring(nodes, members)
    numbered = all(is_numbered(chain.members) for chain in chains if chain)
    if not numbered and any(
        part.present != [chain is not None for chain in chains] for part in members
    ):  # what is named is written as a mapping, which has no conditions
        raise DifferentError
    return Sequential(nodes, members, numbered)


def _parallel(nodes: list[TreeNode | None], definitions: Definitions) -> Parallel:
    forks = [node if isinstance(node, Fork) else None for node in nodes]
    if len({fork.merge.op.type for fork in forks if fork}) > 1:
        raise DifferentError
    columns = _aligned_branches([fork.branches if fork else None for fork in forks])
    branches: list[Branch] = []
    for column in columns:
        chains = [node if isinstance(node, Chain) else None for node in column]
        lists = [None if chain is None else (chain,) if chain.name else chain.members for chain in chains]
        branches.append(Branch(unify_members(lists, definitions), [each is not None for each in lists], chains))
    if any(have and not first for have, first in zip(_having(forks), branches[0].present, strict=True)):
        raise DifferentError  # the first branch is what the others are merged with
    return Parallel(nodes, branches)


def _having(nodes: Sequence[object]) -> list[bool]:
    return [node is not None for node in nodes]


def _aligned_branches(lists: Sequence[Sequence[Chain] | None]) -> list[list[TreeNode | None]]:
    """Return the branches side by side: by position where there are equally many that can be the same, else by key."""
    given = [branches for branches in lists if branches is not None]
    if len({len(branches) for branches in given}) == 1:
        keys = [{_branch_key(branch) for branch in column} - {""} for column in zip(*given, strict=True)]
        if all(len(names) <= 1 for names in keys):
            return [[branches[n] if branches else None for branches in lists] for n in range(len(given[0]))]
    return _aligned(lists, _branch_key)


def _branch_key(node: TreeNode) -> object:
    """Return what branches of two instances have in common if they are the same branch: the name of the first child."""
    assert isinstance(node, Chain)
    if node.name:
        return node.name
    if node.members and isinstance(node.members[0], PartNode):
        return ("part", tuple(_branch_names(node)))
    return next(iter(_branch_names(node)), "")


def _branch_names(node: Chain) -> list[str]:
    return [child.name for child in children_of(node.members) if not _is_identity(child)]


def _is_identity(node: TreeNode) -> bool:
    return isinstance(node, OpNode) and call_of(node.op).target == IDENTITY


def _key(node: TreeNode, numbered: bool, definitions: Definitions) -> object:
    """Return what nodes of two instances have in common if they are the same member."""
    match node:
        case Fork():
            return ("fork", node.merge.op.type, "split" if _splits(node) else "")
        case Take():
            return ("take", node.names)
        case PartNode():
            return "part"
        case OpNode() if numbered:
            return "activation" if is_nonlinearity(node.op) else call_of(node.op).target
        case Chain() if numbered:
            return definitions(node) or node.label
    return node.name


def _place(node: TreeNode) -> str:
    """Return where a node's member stands in the body of a block; an empty string for one without a member."""
    member = node.member if isinstance(node, OpNode | Chain) else None
    return member.path if member is not None else ""


def _splits(fork: Fork) -> bool:
    return any(branch.members and isinstance(branch.members[0], PartNode) for branch in fork.branches)


def _aligned(
    lists: Sequence[Sequence[TreeNode] | None], key: Callable[[TreeNode], object]
) -> list[list[TreeNode | None]]:
    """Return the members of lists side by side: one column for each member, in an order that all of them keep."""
    columns: list[tuple[object, list[TreeNode | None]]] = []
    is_first = True
    for instance, members in enumerate(lists):
        if members is None:
            for _, column in columns:
                column.append(None)
            continue
        keys = [key(member) for member in members]
        if is_first:
            columns = [(k, [None] * instance + [member]) for k, member in zip(keys, members, strict=True)]
            is_first = False
            continue
        known = [k for k, _ in columns]
        pairs = [(i, i) for i in range(len(keys))] if known == keys else _common(known, keys)
        if not pairs and known and keys:
            raise DifferentError
        merged: list[tuple[object, list[TreeNode | None]]] = []
        at_column = at_member = 0
        for i, j in [*pairs, (len(columns), len(keys))]:
            for k, column in columns[at_column:i]:
                merged.append((k, [*column, None]))
            for n in range(at_member, j):
                merged.append((keys[n], [None] * instance + [members[n]]))
            if i < len(columns):
                merged.append((columns[i][0], [*columns[i][1], members[j]]))
            at_column, at_member = i + 1, j + 1
        columns = merged
    return [column for _, column in columns]


def _common(first: Sequence[object], second: Sequence[object]) -> list[tuple[int, int]]:
    """Return the positions of the longest common subsequence."""
    lengths = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i in range(len(first) - 1, -1, -1):
        for j in range(len(second) - 1, -1, -1):
            lengths[i][j] = (
                lengths[i + 1][j + 1] + 1 if first[i] == second[j] else max(lengths[i + 1][j], lengths[i][j + 1])
            )
    pairs, i, j = [], 0, 0
    while i < len(first) and j < len(second):
        if first[i] == second[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs
