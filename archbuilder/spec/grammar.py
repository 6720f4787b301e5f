"""Lists of layers: what may stand in `layers:`, in a branch and in a block's body."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from archbuilder.errors import Location, Problem
from archbuilder.primitives import MERGES
from archbuilder.spec.expression import Expression, ExpressionError, is_expression, parse_expression
from archbuilder.spec.names import name_fault
from archbuilder.spec.nodes import Mapping, Node, Sequence, describe, location, plain
from archbuilder.spec.validation import as_a_whole


@dataclass(frozen=True, eq=False)
class LayerEntry:
    """A layer as a file has it.

    Attributes:
        node: The mapping of the file.
        path: Its place by name: `layers.conv1`.
        type: The word for its primitive or block; an empty text if the file has none.
        name: Its name, if it has one.
        values: The values of its keys, the general ones (`name`, `type`, `in`, `when`) left out.
        when: The condition under which it exists.
    """

    node: Mapping
    path: str
    type: str
    name: str | None
    values: dict[str, Any]
    when: Expression | None = None

    @property
    def where(self) -> Location:
        """Where the layer as a whole is pointed at."""
        return as_a_whole(self.node)

    def place(self, key: str) -> Location:
        """Where a key's value stands, or the layer as a whole if it is not written."""
        entry = self.node.entries.get(key)
        return location(entry.value) if entry else self.where


@dataclass(frozen=True, eq=False)
class Branch:
    """One of the parallel paths of a fork."""

    name: str | None
    members: list["Member"]


@dataclass(frozen=True, eq=False)
class ForkEntry:
    """Parallel branches and how they join."""

    node: Mapping
    path: str
    merge: str
    branches: list[Branch] = field(default_factory=list)

    @property
    def where(self) -> Location:
        """Where the fork as a whole is pointed at."""
        return as_a_whole(self.node)


Member = LayerEntry | ForkEntry

GENERAL_KEYS = ("name", "type", "in", "when")


def read_members(node: Node | None, path: str, problems: list[Problem], *, forks: bool) -> list[Member]:
    """Read a list of layers.

    Args:
        node: The list in the file.
        path: Its place by name.
        problems: Where what is wrong is added; a member that cannot be read at all is left out.
        forks: Whether forks may stand in the list, as in the body of a block.
    """
    if not isinstance(node, Sequence):
        if node is not None:
            problems.append(Problem(f"found {describe(node)}, expected a list of layers", as_a_whole(node), path))
        return []
    members: list[Member] = []
    for position, item in enumerate(node.items):
        if not isinstance(item, Mapping):
            message = f"found {describe(item)}, expected a layer, such as {{type: max_pool, kernel: 3}}"
            problems.append(Problem(message, location(item), f"{path}.{position}"))
        elif forks and (merge := next((word for word in MERGES if word in item.entries), None)):
            members.append(_read_fork(item, merge, f"{path}.{position}", problems))
        else:
            members.append(read_layer(item, path, position, problems))
    return members


def read_layer(node: Mapping, path: str, position: int, problems: list[Problem], default_type: str = "") -> LayerEntry:
    """Read one layer; what is wrong with its general keys is added to `problems`."""
    name = _read_name(node, f"{path}.{position}", problems)
    path = f"{path}.{name if name is not None else position}"
    type_node = node.get("type")
    type_ = plain(type_node) if type_node else default_type
    if not isinstance(type_, str) or not type_:
        if type_node:
            message = f"found {describe(type_node)}, expected the word for a layer, such as conv"
            problems.append(Problem(message, location(type_node), f"{path}.type"))
        else:
            problems.append(Problem("a layer needs a type, such as type: conv", as_a_whole(node), path))
        type_ = ""
    values: dict[str, Any] = {}
    when = None
    for key, entry in node.entries.items():
        value = plain(entry.value)
        if is_expression(value):
            try:
                value = parse_expression(value)
            except ExpressionError as error:
                problems.append(Problem(str(error), location(entry.value), f"{path}.{key}"))
                continue
        if key == "when":
            when = value if isinstance(value, Expression) else None
            if when is None:
                problems.append(Problem("a condition looks like $norm == batch", location(entry.value), f"{path}.when"))
        elif key not in GENERAL_KEYS:
            values[key] = value
    return LayerEntry(node, path, type_, name, values, when)


def _read_name(node: Mapping, path: str, problems: list[Problem]) -> str | None:
    name_node = node.get("name")
    if name_node is None:
        return None
    name = plain(name_node)
    fault = name_fault(name)
    if fault:
        problems.append(Problem(fault, location(name_node), f"{path}.name"))
        return None
    return str(name)


def _read_fork(node: Mapping, merge: str, path: str, problems: list[Problem]) -> ForkEntry:
    branches = []
    inner = node.entries[merge].value
    named: Iterator[tuple[str | None, Node]]
    if isinstance(inner, Mapping):
        named = iter([(key, entry.value) for key, entry in inner.entries.items()])
    elif isinstance(inner, Sequence):
        named = iter([(None, item) for item in inner.items])
    else:
        message = (
            f"found {describe(inner)}, expected branches: a mapping of names to lists of layers, or a list of lists"
        )
        problems.append(Problem(message, location(inner), f"{path}.{merge}"))
        named = iter(())
    for position, (name, branch) in enumerate(named):
        branch_path = f"{path}.{name if name is not None else position}"
        branches.append(Branch(name, read_members(branch, branch_path, problems, forks=True)))
    return ForkEntry(node, path, merge, branches)
