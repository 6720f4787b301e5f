"""The classes of a network: chains of one structure share one."""

from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from typing import Any

from torch import nn

from archbuilder.plan.plan import Chain, Fork, OpNode, PartNode, Plan, Take, TreeNode
from archbuilder.python_source.alignment import DifferentError
from archbuilder.python_source.definitions import ClassDefinition
from archbuilder.python_source.names import ClassNames
from archbuilder.python_source.pattern import (
    Part,
    call_of,
    children_of,
    is_numbered,
    is_plain,
    is_wiring,
)
from archbuilder.python_source.unify import unify_members

_SHORT = 4  # children of a sequence that is written where it is used
_METHODS = frozenset(dir(nn.Sequential))


def is_class(chain: Chain) -> bool:
    """Return whether a chain is an instance of a class; otherwise it is written where it is used."""
    if not chain.name or is_wiring(chain):
        return False
    if chain.label:
        return True
    names = [child.name for child in children_of(chain.members)]
    plain = is_plain(chain.members) and not _METHODS.intersection(names)
    nested = any(_is_mapping(child) for child in chain.members if isinstance(child, Chain))
    if plain and nested and not is_numbered(chain.members):
        return True
    return not plain or (not is_numbered(chain.members) and len(names) > _SHORT and all(map(str.isidentifier, names)))


def _is_mapping(chain: Chain) -> bool:
    """Return whether a sequence is written with the names of its children."""
    return bool(chain.members) and not chain.label and not is_numbered(chain.members)


class Classes:
    """Finds the classes of a plan, those that others use first."""

    def __init__(self, plan: Plan, class_name: ClassNames) -> None:
        """Find them."""
        self._of: dict[int, ClassDefinition] = {}
        self._names = class_name
        self.all: list[ClassDefinition] = []
        self._groups: dict[object, list[Chain]] = {}
        self._used: dict[object, dict[object, None]] = {}
        for tree in [*plan.trees, *(head.tree for head in plan.heads)]:
            self._collect(tree)
        for group in TopologicalSorter(self._used).static_order():
            self._define(self._groups[group])

    def of(self, chain: Chain) -> ClassDefinition | None:
        """Return the class of a chain; None for one that is written where it is used."""
        return self._of.get(id(chain))

    def _collect(self, node: TreeNode) -> dict[object, None]:
        """Add the chains in a node to their groups; return the groups that the node itself uses."""
        used = {group: None for inner in _inside(node) for group in self._collect(inner)}
        if not (isinstance(node, Chain) and is_class(node)):
            return used
        group = node.label or ("", node.outer, *map(skeleton, node.members))
        self._groups.setdefault(group, []).append(node)
        self._used.setdefault(group, {}).update(used)
        return {group: None}

    def _define(self, chains: list[Chain]) -> None:
        """Make the classes of a group: as few as have a common structure."""
        alike: dict[object, list[Chain]] = {}
        for chain in chains:
            alike.setdefault(self._shallow(chain), []).append(chain)
        sets: list[list[Chain]] = []
        for same in sorted(alike.values(), key=len, reverse=True):
            for others in sets:
                if self._unified([*others, *same]) is not None:
                    others.extend(same)
                    break
            else:
                sets.append(list(same))
        order = {id(chain): position for position, chain in enumerate(chains)}
        names = self._names.of([sorted(found, key=lambda chain: order[id(chain)]) for found in sets])
        for found, name in zip(sets, names, strict=True):
            found.sort(key=lambda chain: order[id(chain)])
            members = self._unified(found)
            assert members is not None
            sequential = all(
                is_plain(chain.members)
                and not _METHODS.intersection(c.name for c in chain.members if isinstance(c, Chain | OpNode))
                for chain in found
            )
            definition = ClassDefinition(name, found[0].label, found, members, sequential)
            self.all.append(definition)
            self._of |= {id(chain): definition for chain in found}

    def _unified(self, chains: Sequence[Chain]) -> list[Part] | None:
        try:
            if len({chain.outer for chain in chains}) > 1:
                return None
            return unify_members([chain.members for chain in chains], self.of)
        except DifferentError:
            return None

    def _shallow(self, chain: Chain) -> object:
        """Return the structure of what is in a chain, in which instances of classes are their classes."""
        return (chain.outer, *(skeleton(member, self.of) for member in chain.members))


def _inside(node: TreeNode) -> Iterator[TreeNode]:
    if isinstance(node, Chain):
        yield from node.members
    elif isinstance(node, Fork):
        yield from node.branches


def skeleton(node: TreeNode, stop: Any = lambda chain: None) -> object:
    """Return the structure of a node without its numbers; equal structures are equal.

    Args:
        node: The node.
        stop: Returns what stands for a chain in it, or None.
    """
    match node:
        case OpNode():
            return (node.name, call_of(node.op).target)
        case PartNode():
            return "part"
        case Take():
            return ("take", node.names, node.outer)
        case Fork():
            return (node.merge.op.type, *(skeleton(branch, stop) for branch in node.branches))
    known = stop(node)
    if known is not None:
        return (node.name, known)
    return ("chain", node.name, node.outer, *(skeleton(member, stop) for member in node.members))
