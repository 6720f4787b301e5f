"""Merge a spec into the one it extends: sections by key, members of lists by name, at any depth."""

from collections.abc import Collection
from dataclasses import replace

from archbuilder.errors import Problem
from archbuilder.primitives import PRIMITIVES
from archbuilder.spec.blocks import shipped_block
from archbuilder.spec.changes import Change, Names, Path
from archbuilder.spec.member_changes import MemberChanges
from archbuilder.spec.nodes import Entry, MappingNode, Node, SequenceNode, is_null
from archbuilder.spec.replacing import names_in

_SECTIONS = ("layers", "aux")  # lists of the base whose members are changed by name
_OPEN_SECTIONS = ("conv", "defaults", "variables", "blocks")  # sections whose keys are all optional


def merge_extended(base: MappingNode, own: MappingNode, problems: list[Problem]) -> tuple[MappingNode, list[Change]]:
    """Merge the keys of a file into those of the file it extends.

    Returns:
        The merged mapping, and the changes in the order of the file.
    """
    merger = _Merger(base, own, problems)
    merged = merger.merged()
    return merged, sorted(merger.members.changes, key=lambda change: change.entry.key_span)


def without(node: MappingNode, changes: Collection[Path]) -> MappingNode:
    """Return a file without some of its changes."""

    def kept(node: Node, path: Path) -> Node:
        """Return a node below `path` without the changes."""
        if not isinstance(node, MappingNode):
            return node
        entries = {
            key: replace(entry, value=kept(entry.value, (*path, key)))
            for key, entry in node.entries.items()
            if (*path, key) not in changes
        }
        return replace(node, entries=entries)

    result = kept(node, ())
    assert isinstance(result, MappingNode)
    return result


class _Merger:
    """Merges a file into the one that it extends."""

    def __init__(self, base: MappingNode, own: MappingNode, problems: list[Problem]) -> None:
        self._base, self._own = base, own
        self._blocks = [file.get("blocks") for file in (own, base)]
        self.members = MemberChanges(problems, "the extended file", self._known_keys, self._other_list_notes)

    def merged(self) -> MappingNode:
        entries = dict(self._base.entries)
        for key, entry in self._own.entries.items():
            below = entries.get(key)
            merged = self._section(key, below.value if below else None, entry)
            entries[key] = Entry(key, entry.key_span, merged, source=self._own.source)
        return replace(self._own, entries=entries)

    def _section(self, key: str, below: Node | None, entry: Entry) -> Node:
        """Merge one key of the file into that of the extended file, `below`."""
        above = entry.value
        if key == "aux" and below is None:
            below = SequenceNode([], above.source, above.span)
        if key in _SECTIONS and isinstance(below, SequenceNode) and isinstance(above, MappingNode):
            return self.members.members(below, Names(dict(above.entries)), (key,), heads=key == "aux")
        if isinstance(above, MappingNode) and (isinstance(below, MappingNode) or key in _OPEN_SECTIONS):
            return self._keys(below if isinstance(below, MappingNode) else None, above, (key,))
        self.members.record((key,), entry)
        return above

    def _keys(self, below: MappingNode | None, above: MappingNode, path: Path) -> MappingNode:
        """Merge the keys of a section; null removes a key."""
        entries = dict(below.entries) if below else {}
        for key, entry in above.entries.items():
            inner = entries.get(key)
            if path == ("defaults",) and isinstance(entry.value, MappingNode):
                section = inner.value if inner and isinstance(inner.value, MappingNode) else None
                entry = replace(entry, value=self._keys(section, entry.value, (*path, key)))  # noqa: PLW2901
            else:
                self.members.record((*path, key), entry)
            if is_null(entry.value) and inner is not None:
                del entries[key]
            else:
                entries[key] = entry
        return replace(above, entries=entries)

    def _other_list_notes(self, path: Path, name: str) -> tuple[str, ...]:
        """Return a note if a name is defined in the other list; else nothing."""
        lists = [(section, self._base.get(section)) for section in _SECTIONS if section != path[0]]
        sections = [section for section, listed in lists if listed is not None and name in names_in(listed)]
        return (f"{name} is defined under {sections[0]}: change it there",) if sections else ()

    def _known_keys(self, type_: object) -> list[str] | None:
        """Return the keys of a type of layer, or None where there is no such type."""
        if not isinstance(type_, str):
            return None
        if type_ in PRIMITIVES:
            return [field.alias or name for name, field in PRIMITIVES[type_].model_fields.items()]
        for defined in self._blocks:
            block = defined.get(type_) if isinstance(defined, MappingNode) else None
            if block is not None:
                parameters = block.get("parameters") if isinstance(block, MappingNode) else None
                return list(parameters.entries) if isinstance(parameters, MappingNode) else []
        shipped = shipped_block(type_)
        return list(shipped.parameters) if shipped else None
