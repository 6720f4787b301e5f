"""The kind of a member, and which of its keys stay when an extending file changes its type."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from archbuilder.primitives import MERGES, PRIMITIVES
from archbuilder.spec.blocks import shipped_block
from archbuilder.spec.grammar import LAYER_KEYS, MEMBER_KEYS
from archbuilder.spec.heads import HEAD_KEYS
from archbuilder.spec.nodes import Entry, MappingNode, Node, SequenceNode, plain

LISTS = ("sequence", "layers")
"""The keys of a member and of a head that hold a list of members."""


def listing_key(path: Sequence[str]) -> str:
    """Return the key of the list of members at a path: `layers` for a head, else `sequence`."""
    return "layers" if path[0] == "aux" and len(path) == len(("aux", "its name")) else "sequence"


def kind_of(item: MappingNode, listed: str) -> str | None:
    """Return the key that determines the kind of a member: `type`, a merge, or its list key."""
    return next((key for key in ("type", *MERGES, listed) if key in item.entries), None)


def kept_entries(item: MappingNode, above: MappingNode, listed: str, blocks: Sequence[Node | None]) -> dict[str, Entry]:
    """Return the entries of a member that stay beside the changes `above`.

    If its type changes, only keys that the new type has too stay.
    """
    kind = kind_of(above, listed)
    if kind is None or (kind == kind_of(item, listed) and (kind != "type" or _same_type(item, above))):
        return dict(item.entries)
    shared: set[str] = {*MEMBER_KEYS, *HEAD_KEYS} - {"layers"}
    if kind == "type":
        known = known_keys(plain(above.entries["type"].value), blocks)
        if known is None:
            return dict(item.entries)  # an unknown type, which is reported later
        shared |= {*LAYER_KEYS, *known}
    entries = {key: entry for key, entry in item.entries.items() if key in shared}
    overrides = entries.get("overrides")
    if overrides and isinstance(overrides.value, MappingNode):
        entries["overrides"] = replace(overrides, value=_filtered(overrides.value, shared))
    return entries


def known_keys(type_: object, blocks: Sequence[Node | None]) -> list[str] | None:
    """Return the keys of a type of layer, or None where there is no such type.

    Args:
        type_: The name of the type.
        blocks: Mappings of block definitions; the first with the type is used.
    """
    if not isinstance(type_, str):
        return None
    if type_ in PRIMITIVES:
        return [field.alias or name for name, field in PRIMITIVES[type_].model_fields.items()]
    for defined in blocks:
        block = defined.get(type_) if isinstance(defined, MappingNode) else None
        if block is not None:
            parameters = block.get("parameters") if isinstance(block, MappingNode) else None
            return list(parameters.entries) if isinstance(parameters, MappingNode) else []
    shipped = shipped_block(type_)
    return list(shipped.parameters) if shipped else None


def _same_type(one: MappingNode, other: MappingNode) -> bool:
    return bool(plain(one.entries["type"].value) == plain(other.entries["type"].value))


def _filtered(overrides: MappingNode, known: Collection[str]) -> MappingNode:
    """Return overrides of repetitions without unknown keys."""
    entries = {}
    for position, entry in overrides.entries.items():
        value = entry.value
        if isinstance(value, MappingNode):
            value = replace(value, entries={key: inner for key, inner in value.entries.items() if key in known})
        entries[position] = replace(entry, value=value)
    return replace(overrides, entries=entries)


def ways_to(nodes: list[Node], name: str) -> list[str]:
    """Format how to write changes to nested members of a name: `{sequence: {conv1: {…}}}`."""
    return [way for node in nodes for way in _ways(node, name)]


def _ways(node: Node, name: str) -> Iterator[str]:
    if isinstance(node, SequenceNode):
        for item in node.items:
            for way in _ways(item, name):
                own = item.get("name") if isinstance(item, MappingNode) else None
                yield f"{plain(own)}: {way}" if own else way
    elif isinstance(node, MappingNode):
        for key in (*LISTS, *MERGES):
            below = node.get(key)
            if below is None:
                continue
            if name in names_in(below):
                yield f"{{{key}: {{{name}: …}}}}"
            elif key in MERGES or isinstance(below, SequenceNode):
                yield from (f"{{{key}: {{{way}}}}}" for way in _ways(below, name) if not way.startswith("{"))


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
