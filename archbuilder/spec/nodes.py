"""Nodes of a YAML file: scalars, sequences and mappings with their locations."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from archbuilder.errors import Location, Source, Span


@dataclass(slots=True, eq=False)
class Use:
    """One use of an anchor: an alias, or an entry from a merge key. Its nodes are copies.

    Attributes:
        span: The alias, or the value of the merge key.
        node: The copied node.
        owner: The mapping that the entry is merged into; None for an alias.
        key: The key of the entry.
    """

    span: Span
    node: "Node | None" = None
    owner: "MappingNode | None" = None
    key: str = ""


@dataclass(slots=True, eq=False)
class ScalarNode:
    """A single value and its location.

    Attributes:
        value: The value by YAML 1.2's core schema: a string, a number, a boolean or None.
        text: The value as it is written, without quotes.
        literal: Whether the value is written at `span` itself (a merged or aliased value is written elsewhere).
        use: The use of an anchor that contains the node, if any; likewise in lists and mappings.
    """

    value: str | int | float | bool | None
    text: str
    source: Source
    span: Span
    literal: bool = True
    size: int = 1
    use: Use | None = None


@dataclass(slots=True, eq=False)
class SequenceNode:
    """A list of nodes."""

    items: list["Node"]
    source: Source
    span: Span
    flow: bool = False
    size: int = 1
    use: Use | None = None


@dataclass(slots=True, eq=False)
class Entry:
    """A key and its value in a mapping.

    Attributes:
        own: Whether the entry is written in this mapping, not inherited through a merge key (`<<`).
        source: The file of the key, if it is not the file of the value.
    """

    key: str
    key_span: Span
    value: "Node"
    own: bool = True
    source: Source | None = None

    @property
    def key_location(self) -> Location:
        """The location of the key."""
        return Location(self.source or self.value.source, self.key_span, location(self.value).used)


@dataclass(slots=True, eq=False)
class MappingNode:
    """Keys and nodes, in the order of the file.

    Attributes:
        original: The mapping before some of its keys were changed; None if none were.
    """

    entries: dict[str, Entry]
    source: Source
    span: Span
    flow: bool = False
    size: int = 1
    use: Use | None = None
    original: "MappingNode | None" = None

    def get(self, key: str) -> "Node | None":
        """Return the value of a key, or None."""
        entry = self.entries.get(key)
        return entry.value if entry else None

    def key_location(self, key: str) -> Location:
        """The location of a key of this mapping."""
        return self.entries[key].key_location


Node = ScalarNode | SequenceNode | MappingNode


def location(node: Node) -> Location:
    """Return the location of a node, and the location of its use for an anchored node."""
    used = node.use.span if node.use and node.use.span != node.span else None
    return Location(node.source, node.span, used)


def used(node: "Node", use: Use) -> "Node":
    """Return a copy of an anchored node for one use, so that each use has its own widths."""
    if isinstance(node, ScalarNode):
        return replace(node, literal=False, use=use)
    if isinstance(node, SequenceNode):
        return replace(node, items=[used(item, use) for item in node.items], use=use)
    entries = {key: replace(entry, value=used(entry.value, use)) for key, entry in node.entries.items()}
    return replace(node, entries=entries, use=use)


def is_null(node: Node) -> bool:
    """Return whether a node is null: `null`, `~` or an empty value."""
    return isinstance(node, ScalarNode) and node.value is None


def origin(node: MappingNode) -> MappingNode:
    """Return the first version of a mapping that may have been changed."""
    while node.original is not None:
        node = node.original
    return node


def plain(node: Node) -> Any:
    """Return a node as ordinary Python data."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.items]
    return {key: plain(entry.value) for key, entry in node.entries.items()}


def as_written(node: Node) -> Node:
    """Return a scalar, or the scalars of a list, as the strings that are written, for names: `1.10` is not a number."""
    if isinstance(node, SequenceNode):
        return replace(node, items=[as_written(item) if isinstance(item, ScalarNode) else item for item in node.items])
    if isinstance(node, ScalarNode) and node.value is not None:
        return replace(node, value=node.text)
    return node


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes below it."""
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, SequenceNode):
            pending += reversed(node.items)
        elif isinstance(node, MappingNode):
            pending += [entry.value for entry in reversed(node.entries.values())]


def describe(node: Node) -> str:
    """Describe what a node is, for an error: `the string 'abc'`, `12`, `a list`, `a mapping`."""
    if isinstance(node, SequenceNode):
        return "a list"
    if isinstance(node, MappingNode):
        return "a mapping"
    return describe_value(node.value)


def _item(item: Any) -> str:
    quoted = isinstance(item, str) and item.replace(".", "", 1).isdigit()  # otherwise it would look like a number
    return (repr(item) if quoted else str(item))[:20]


def describe_value(value: Any) -> str:
    """Describe what a plain value is, shortened to fit a line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the string {value!r}" if len(value) <= 40 else f"the string {value[:37]!r}…"
    if isinstance(value, list | tuple):
        return "a list" if len(value) > 4 else f"[{', '.join(_item(item) for item in value)}]"
    if isinstance(value, dict):
        return "a mapping"
    return str(value) if len(str(value)) <= 40 else f"{str(value)[:37]}…"
