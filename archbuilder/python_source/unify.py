"""Make the pattern of several instances: what they have in common, and where they differ."""

from collections.abc import Callable, Sequence

from archbuilder.plan.plan import Chain, Fork, OpNode, PartNode, Take, TreeNode
from archbuilder.python_source.alignment import DifferentError, aligned
from archbuilder.python_source.definitions import ClassDefinition
from archbuilder.python_source.pattern import (
    IDENTITY,
    Branch,
    Leaf,
    Narrow,
    Parallel,
    Part,
    Recall,
    Sequential,
    Use,
    Wiring,
    call_of,
    child_names,
    children_of,
    is_nonlinearity,
    is_numbered,
    is_wiring,
    operation,
)

Definitions = Callable[[Chain], ClassDefinition | None]
"""Returns the class that a chain is an instance of; None where it is written where it is used."""


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
        columns = aligned(lists, _place)  # of the same members of a block's body
    else:
        columns = aligned(lists, lambda node: _key(node, numbered, definitions))
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
    return aligned(lists, _branch_key)


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
