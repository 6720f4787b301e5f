"""What a change of members needs: their kinds and names, and the keys that a changed type keeps."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from archbuilder.primitives import MERGES
from archbuilder.spec.keys import HEAD_KEYS, LAYER_KEYS, MEMBER_KEYS
from archbuilder.spec.nodes import Entry, MappingNode, Node, SequenceNode, plain
from archbuilder.spec.synonyms import near_key

KnownKeys = Callable[[object], list[str] | None]
"""Returns the keys of a type of layer, or None where there is no such type."""

LISTS = ("sequence", "layers")
"""The keys of a member and of a head that hold a list of members."""


def kind_of(item: MappingNode, listed: str) -> str | None:
    """Return the key that determines the kind of a member: `type`, a merge, or its list key."""
    return next((key for key in ("type", *MERGES, listed) if key in item.entries), None)


def kept_entries(item: MappingNode, above: MappingNode, listed: str, known_keys: KnownKeys) -> dict[str, Entry]:
    """Return the entries of a member that stay beside the changes `above`.

    If its type changes, only keys that the new type has too stay.
    """
    kind = kind_of(above, listed)
    if kind is None or (kind == kind_of(item, listed) and (kind != "type" or _same_type(item, above))):
        return dict(item.entries)
    shared: set[str] = {*MEMBER_KEYS, *HEAD_KEYS} - {"layers", "first", "overrides"}
    if kind == "type":
        known = known_keys(plain(above.entries["type"].value))
        if known is None:
            return dict(item.entries)  # an unknown type, which is reported later
        shared |= {*LAYER_KEYS, *known}
    entries = {key: entry for key, entry in item.entries.items() if key in shared}
    overrides, first = entries.get("overrides"), entries.get("first")
    if overrides and isinstance(overrides.value, MappingNode):
        positions = {position: _only(entry, shared) for position, entry in overrides.value.entries.items()}
        entries["overrides"] = replace(overrides, value=replace(overrides.value, entries=positions))
    if first:
        entries["first"] = _only(first, shared)
    return entries


def _same_type(one: MappingNode, other: MappingNode) -> bool:
    return bool(plain(one.entries["type"].value) == plain(other.entries["type"].value))


def _only(entry: Entry, known: Collection[str]) -> Entry:
    """Return the override of a repetition without unknown keys."""
    value = entry.value
    if not isinstance(value, MappingNode):
        return entry
    return replace(
        entry, value=replace(value, entries={key: inner for key, inner in value.entries.items() if key in known})
    )


def ways_to(nodes: list[Node], name: str) -> list[str]:
    """Return the dotted names of nested members of a name: `stage.conv1`."""
    return [way for node in nodes for way in _dotted(node) if way.rpartition(".")[2] == name]


def _dotted(node: Node) -> Iterator[str]:
    """Yield the dotted names of all members inside a list, a fork or a member."""
    if isinstance(node, SequenceNode):
        for item in node.items:
            name = item.get("name") if isinstance(item, MappingNode) else None
            if name is not None:
                yield str(plain(name))
            if name is not None or _is_open(item):
                yield from (f"{plain(name)}.{way}" if name is not None else way for way in _dotted(item))
    elif isinstance(node, MappingNode):
        for key in (*LISTS, *MERGES):
            below = node.get(key)
            if key in MERGES and isinstance(below, MappingNode):
                for branch, entry in below.entries.items():
                    yield branch
                    yield from (f"{branch}.{way}" for way in _dotted(entry.value))
            elif below is not None:
                yield from _dotted(below)


def _is_open(item: Node) -> bool:
    """Return whether the members of an unnamed item are in the scope of the surrounding list."""
    return isinstance(item, SequenceNode) or (isinstance(item, MappingNode) and kind_of(item, "sequence") in MERGES)


def names_in(below: Node) -> list[str]:
    """Return the names of a list of members, or of branches."""
    if isinstance(below, MappingNode):
        return list(below.entries)
    names = []
    for item in below.items if isinstance(below, SequenceNode) else ():
        if isinstance(item, SequenceNode):
            names += names_in(item)
        elif isinstance(item, MappingNode) and (name := item.get("name")) is not None:
            names.append(str(plain(name)))
    return names


def members_in(nodes: list[Node]) -> Iterator[MappingNode]:
    """Yield the members of lists and of branches, those of unnamed branches included."""
    for node in nodes:
        if isinstance(node, MappingNode):
            yield node
        elif isinstance(node, SequenceNode):
            yield from members_in(node.items)


def name_of(item: MappingNode) -> str | None:
    """Return the name of a member, if it has one."""
    name = item.get("name")
    return None if name is None else str(plain(name))


def has_misspelled_name(item: MappingNode) -> bool:
    """Return whether a member has a key that was probably meant to be its name."""
    return any(key not in LAYER_KEYS and near_key(key, ("name",)) is not None for key in item.entries)


def merge_key_of(item: MappingNode) -> str | None:
    """Return the key of the merge of a fork; None for another member."""
    kind = kind_of(item, "sequence")
    return kind if kind in MERGES else None


def type_of(item: MappingNode, listed: str) -> str:
    """Return the type or kind of a member, with its article: `a conv`."""
    type_ = item.get("type")
    default = "aux_head" if listed == "layers" else "layer"
    what = str(plain(type_)) if type_ is not None else (kind_of(item, listed) or default)
    return f"{'an' if what[:1] in 'aeio' else 'a'} {what}"


def with_value(item: MappingNode, key: str, value: Node) -> MappingNode:
    """Return a member with another value of a key."""
    entries = {**item.entries, key: replace(item.entries[key], value=value)}
    return replace(item, entries=entries, original=item)
