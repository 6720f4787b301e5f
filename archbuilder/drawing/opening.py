"""What is opened in a drawing: by the depth of names, and by the names themselves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.plan.plan import Chain, Fork, OpNode, Plan, TreeNode


@dataclass(frozen=True)
class Opening:
    """Which named nodes are opened.

    Attributes:
        depth: How many levels of names are drawn; None for all.
        targets: The nodes to open at any depth, with all in them.
    """

    depth: int | None = None
    targets: frozenset[str] = frozenset()

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the targets and of all around them."""
        parts = [target.split(".") for target in self.targets]
        return frozenset(".".join(one[:length]) for one in parts for length in range(1, len(one) + 1))

    def opens(self, name: str, level: int) -> bool:
        """Return whether a node is opened that has `level - 1` names above it."""
        if self.depth is None or level < self.depth or name in self.names:
            return True
        return any(name.startswith(f"{target}.") for target in self.targets)


def targets_of(plan: Plan, expand: Iterable[str]) -> frozenset[str]:
    """Return the full names that match.

    Raises:
        ArchbuilderError: A pattern matches nothing.
    """
    patterns = [expand] if isinstance(expand, str) else list(expand)
    if not patterns:
        return frozenset()
    known = list(
        dict.fromkeys(name for top in (*plan.trees, *(head.tree for head in plan.heads)) for name in _names(top))
    )
    found: set[str] = set()
    for pattern in patterns:
        matching = [name for name in known if fnmatchcase(name, pattern)]
        if not matching:
            message = f"expand: nothing in {plan.name} is named {pattern!r}{did_you_mean(pattern, known)}"
            raise ArchbuilderError(message)
        found |= {*matching}
    return frozenset(found)


def _names(node: TreeNode, path: str = "") -> Iterator[str]:
    """Yield the full names of a node and all in it."""
    match node:
        case OpNode():
            yield f"{path}.{node.name}" if path else node.name
        case Chain():
            if node.name:
                path = f"{path}.{node.name}" if path else node.name
                yield path
            for member in node.members:
                yield from _names(member, path)
        case Fork():
            for branch in node.branches:
                yield from _names(branch, path)
