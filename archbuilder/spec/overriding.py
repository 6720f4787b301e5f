"""Merge a spec into the one it extends: sections by key, members of lists by name, at any depth."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from archbuilder.errors import Location, Problem, did_you_mean
from archbuilder.primitives import MERGES
from archbuilder.spec.grammar import LAYER_KEYS
from archbuilder.spec.nodes import Entry, MappingNode, Node, ScalarNode, SequenceNode, describe, location, plain
from archbuilder.spec.replacing import LISTS, kept_entries, kind_of, known_keys, listing_key, names_in, ways_to

_SECTIONS = ("layers", "aux")  # lists of the base whose members are changed by name
_OPEN_SECTIONS = ("conv", "defaults", "variables", "blocks")  # sections whose keys are all optional

Path = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Change:
    """A change that a file makes to the file that it extends.

    Attributes:
        path: The keys to the value in the file, such as `("layers", "conv1", "out")`.
        entry: The last key and the value.
    """

    path: Path
    entry: Entry

    @property
    def where(self) -> Location:
        """The location of its value, or of its key if the value is null."""
        value = self.entry.value
        nothing = isinstance(value, ScalarNode) and value.value is None
        return location(value) if isinstance(value, ScalarNode) and not nothing else self.entry.key_location


def merge_extended(base: MappingNode, own: MappingNode, problems: list[Problem]) -> tuple[MappingNode, list[Change]]:
    """Merge the keys of a file into those of the file it extends.

    Returns:
        The merged mapping, and the changes in the order of the file.
    """
    merger = _Merger(base, own, problems)
    merged = merger.merged()
    return merged, sorted(merger.changes, key=lambda change: change.entry.key_span)


def without(node: MappingNode, changes: Collection[Path]) -> MappingNode:
    """Return a file without some of its changes."""

    def kept(node: Node, path: Path) -> Node:
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


@dataclass
class _Names:
    """The changes to the members of a list by name, and the names found so far.

    Attributes:
        pending: The changes whose member has not been found yet, by name.
        known: The names of members found so far.
    """

    pending: dict[str, Entry]
    known: list[str] = field(default_factory=list)

    def take(self, name: str | None) -> Entry | None:
        """Remove and return the pending change to a name, or None."""
        if name is None:
            return None
        self.known.append(name)
        return self.pending.pop(name, None)


class _Merger:
    """Merges a file into the one that it extends, and records the changes."""

    def __init__(self, base: MappingNode, own: MappingNode, problems: list[Problem]) -> None:
        self._base, self._own = base, own
        self._problems = problems
        self._blocks = [file.get("blocks") for file in (own, base)]
        self.changes: list[Change] = []

    def merged(self) -> MappingNode:
        entries = dict(self._base.entries)
        for key, entry in self._own.entries.items():
            below = entries.get(key)
            merged = self._section(key, below.value if below else None, entry)
            entries[key] = Entry(key, entry.key_span, merged, source=self._own.source)
        return replace(self._own, entries=entries)

    def _section(self, key: str, below: Node | None, entry: Entry) -> Node:
        above = entry.value
        if key in _SECTIONS and isinstance(below, SequenceNode) and isinstance(above, MappingNode):
            return self._members(below, above, (key,))
        if isinstance(above, MappingNode) and (isinstance(below, MappingNode) or key in _OPEN_SECTIONS):
            return self._keys_of_section(below if isinstance(below, MappingNode) else None, above, (key,))
        self._record((key,), entry)
        return above

    def _keys_of_section(self, below: MappingNode | None, above: MappingNode, path: Path) -> MappingNode:
        """Merge the keys of a section; null takes a key away."""
        entries = dict(below.entries) if below else {}
        for key, entry in above.entries.items():
            inner = entries.get(key)
            if path == ("defaults",) and isinstance(entry.value, MappingNode):
                own = inner.value if inner and isinstance(inner.value, MappingNode) else None
                entry = replace(entry, value=self._keys_of_section(own, entry.value, (*path, key)))  # noqa: PLW2901
            else:
                self._record((*path, key), entry)
            if _is_null(entry.value) and inner is not None:
                del entries[key]
            else:
                entries[key] = entry
        return replace(above, entries=entries)

    def _record(self, path: Path, entry: Entry) -> None:
        self.changes.append(Change(path, entry))

    def _report(self, message: str, where: Location, path: Path, *notes: str) -> None:
        self._problems.append(Problem(message, where, ".".join(path), notes))

    # -- lists of members ------------------------------------------------------------------------------------------

    def _members(self, below: SequenceNode, above: MappingNode, path: Path) -> SequenceNode:
        """Change members of a list by name: their keys are merged, and `name: null` removes a member."""
        names = _Names(dict(above.entries))
        items = self._items(below, names, path)
        self._report_unknown(names, [below], path)
        return replace(below, items=items)

    def _items(self, below: SequenceNode, names: _Names, path: Path) -> list[Node]:
        items: list[Node] = []
        for item in below.items:
            changed: Node | None = item
            if isinstance(item, MappingNode):
                word = _merge_key_of(item)
                change = names.take(_name(item))
                if change is not None:
                    changed = self._member(item, change, path)
                elif word and "name" not in item.entries:
                    # Members of an unnamed fork are named in the surrounding list.
                    changed = _with_value(item, word, self._fork(item.entries[word].value, names, path))
            if changed is not None:
                items.append(changed)
        return items

    def _report_unknown(self, names: _Names, searched: list[Node], path: Path) -> None:
        for key, entry in names.pending.items():
            near = did_you_mean(key, names.known)
            ways = ways_to(searched, key.rpartition(".")[2])
            elsewhere = [section for section in _SECTIONS if section != path[0] and key in self._names(section)]
            if len(path) == 1 and elsewhere:
                near, notes = "", [f"{key} is defined under {elsewhere[0]}: change it there"]
            elif ways:
                near, notes = "", [f"a member of that name is nested deeper: write {ways[0]}"]
            elif len(path) > 1 and names.known and not near:
                notes = [f"its names are {', '.join(names.known)}"]
            else:
                notes = []
            message = f"the extended file has no member named {key!r}{near}"
            if len(path) > 1:
                message = f"{'.'.join(path[1:-1])} of the extended file has no member named {key!r}{near}"
            self._report(message, entry.key_location, (*path, key), *notes)

    def _names(self, section: str) -> list[str]:
        listed = self._base.get(section)
        return names_in(listed) if listed is not None else []

    def _member(self, item: MappingNode, change: Entry, path: Path) -> MappingNode | None:
        """Change one member; return None if it is removed."""
        above, path = change.value, (*path, change.key)
        if not isinstance(above, MappingNode):
            if _is_null(above):
                self._record(path, change)
                return None
            message = f"found {describe(above)}, expected the keys to change, or null to remove {change.key}"
            self._report(message, location(above), path)
            return item
        if "name" in above.entries:
            message = f"the name of {change.key} cannot change: changes refer to members by name"
            self._report(message, above.key_location("name"), (*path, "name"))
        return self._keys(item, above, path)

    def _keys(self, item: MappingNode, above: MappingNode, path: Path) -> MappingNode:
        """Merge new keys into those of a member."""
        listed = listing_key(path)
        above = replace(above, entries=dict(self._applicable_changes(item, above, listed, path)))
        entries = kept_entries(item, above, listed, self._blocks)
        for key, entry in above.entries.items():
            below, value = entries.get(key), entry.value
            if key in MERGES and below and isinstance(value, MappingNode):
                names = _Names(dict(value.entries))
                changed = self._fork(below.value, names, (*path, key))
                self._report_unknown(names, [below.value], (*path, key))
                entries[key] = replace(below, value=changed)
            elif key == listed and below and isinstance(below.value, SequenceNode) and isinstance(value, MappingNode):
                entries[key] = replace(below, value=self._members(below.value, value, (*path, key)))
            else:
                self._record((*path, key), entry)
                entries[key] = entry
        return replace(item, entries=entries)

    def _applicable_changes(
        self, item: MappingNode, above: MappingNode, listed: str, path: Path
    ) -> Iterator[tuple[str, Entry]]:
        """Yield the changes to keys of a member; changes that belong into its list of members are reported."""
        for key, entry in above.entries.items():
            if isinstance(entry.value, MappingNode):
                if key == listed and not isinstance(item.get(key), SequenceNode):
                    self._report_list(item, entry, path)
                    continue
                ways = ways_to([item], key) if key not in (*LAYER_KEYS, *MERGES, *LISTS) else []
                if ways:
                    message = f"{key} is a member inside {path[-1]}, not a key of it"
                    self._report(message, entry.key_location, (*path, key), f"write {path[-1]}: {ways[0]}")
                    continue
            yield key, entry

    def _report_list(self, item: MappingNode, entry: Entry, path: Path) -> None:
        kind = kind_of(item, entry.key)
        type_ = item.get("type")
        default = "aux_head" if entry.key == "layers" else "layer"
        what = str(plain(type_)) if type_ is not None else (kind or default)
        article = "an" if what[:1] in "aeio" else "a"
        message = f"{path[-1]} is {article} {what}: it has no list {entry.key!r} whose members could be changed"
        known = known_keys(what, self._blocks)
        notes = [f"its keys are {', '.join(known)}"] if known else []
        if kind in MERGES:
            notes = [f"change its branches: {path[-1]}: {{{kind}: {{…}}}}"]
        self._report(message, entry.key_location, (*path, entry.key), *notes, f"a list under {entry.key!r} replaces it")

    # -- branches --------------------------------------------------------------------------------------------------

    def _fork(self, below: Node, names: _Names, path: Path) -> Node:
        """Change the branches of a fork: named branches, and the members of unnamed ones."""
        if isinstance(below, MappingNode):
            entries = {}
            for name, entry in below.entries.items():
                change = names.take(name)
                branch = entry.value if change is None else self._branch(entry.value, change, path)
                if branch is not None:
                    entries[name] = replace(entry, value=branch)
            return replace(below, entries=entries)
        if not isinstance(below, SequenceNode):
            return below
        branches: list[Node] = []
        for branch in below.items:
            one = replace(below, items=[branch]) if isinstance(branch, MappingNode) else branch
            if not isinstance(one, SequenceNode):
                branches.append(branch)
                continue
            items = self._items(one, names, path)
            single = isinstance(branch, MappingNode) and len(items) == 1
            branches.append(items[0] if single else replace(one, items=items))
        return replace(below, items=branches)

    def _branch(self, below: Node, change: Entry, path: Path) -> Node | None:
        """Change a named branch: a list replaces it, null removes it, a mapping changes its members."""
        above, inner = change.value, (*path, change.key)
        if isinstance(above, MappingNode):
            if isinstance(below, SequenceNode):
                single = below.items[0] if len(below.items) == 1 else None
                if isinstance(single, MappingNode) and "type" in single.entries and not single.get("name"):
                    return replace(below, items=[self._keys(single, above, inner)])  # the branch's name is its own
                return self._members(below, above, inner)
            if isinstance(below, MappingNode):
                return self._keys(below, above, inner)
            message = f"the branch {change.key} has no layers to change: a list of layers replaces it"
            self._report(message, change.key_location, inner)
            return below
        if isinstance(above, SequenceNode) or _is_null(above):
            self._record(inner, change)
            return above if isinstance(above, SequenceNode) else None
        message = f"found {describe(above)}, expected what to change in {change.key}, a list of layers, or null"
        self._report(message, location(above), inner)
        return below


def _name(item: MappingNode) -> str | None:
    name = item.get("name")
    return None if name is None else str(plain(name))


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None


def _merge_key_of(item: MappingNode) -> str | None:
    kind = kind_of(item, "sequence")
    return kind if kind in MERGES else None


def _with_value(item: MappingNode, key: str, value: Node) -> MappingNode:
    return replace(item, entries={**item.entries, key: replace(item.entries[key], value=value)})
