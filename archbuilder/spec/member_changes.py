"""Change members of a list by name, at any depth: `{stage2.0.conv1: {kernel: 5}}`."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from archbuilder.errors import Location, Problem, did_you_mean
from archbuilder.primitives import MERGES
from archbuilder.spec.changes import Change, Names, Path
from archbuilder.spec.keys import LAYER_KEYS
from archbuilder.spec.names import is_pattern, pattern_position
from archbuilder.spec.nodes import (
    Entry,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    describe,
    is_null,
    location,
    plain,
)
from archbuilder.spec.replacing import (
    LISTS,
    KnownKeys,
    has_misspelled_name,
    kept_entries,
    kind_of,
    members_in,
    merge_key_of,
    name_of,
    type_of,
    ways_to,
    with_value,
)

_PLACES = ("after", "before")
"""The keys of a new layer that say where it is inserted."""


class MemberChanges:
    """Changes members by name.

    A mapping changes keys, `null` removes a key or a member, and a new name with `after` or `before` is inserted. In
    all methods `below` is a node of the extended file, and `above` is the change to it.
    """

    def __init__(
        self,
        problems: list[Problem],
        whole: str,
        known_keys: KnownKeys,
        hint: Callable[[Path, str], tuple[str, ...]] = lambda _, __: (),
        *,
        keeps_types: bool = False,
    ) -> None:
        """Change nothing yet.

        Args:
            problems: The list of problems to extend.
            whole: The name of the whole list, for messages: `the extended file`.
            known_keys: Returns the keys of a type of layer, or None where there is no such type.
            hint: Returns notes on a name that the whole list does not have.
            keeps_types: Whether a change of `type` is refused.
        """
        self._problems = problems
        self._whole = whole
        self._known_keys = known_keys
        self._hint = hint
        self._keeps_types = keeps_types
        self.changes: list[Change] = []

    def record(self, path: Path, entry: Entry) -> None:
        """Record a change."""
        self.changes.append(Change(path, entry))

    def _report(self, message: str, where: Location, path: Path, *notes: str) -> None:
        self._problems.append(Problem(message, where, ".".join(path), notes))

    def _subject(self, within: str) -> str:
        return f"{within} of {self._whole}" if within else self._whole

    # -- lists -----------------------------------------------------------------------------------------------------

    def members(self, below: SequenceNode, names: Names, path: Path, *, heads: bool = False) -> SequenceNode:
        """Change members of a list, and insert new ones.

        Args:
            below: The list.
            names: The changes.
            path: The keys that lead to the changes in the file.
            heads: Whether the members are auxiliary heads.
        """
        items = self._items(below, names, path, heads=heads)
        self._insert(items, names, path, heads=heads)
        self._report_unknown(names, [below], path)
        return replace(below, items=items)

    def _items(
        self, below: SequenceNode, names: Names, path: Path, *, heads: bool = False, numbered: bool = True
    ) -> list[Node]:
        """Change the items of a list; unnamed ones are named by their position if `numbered`."""
        items: list[Node] = []
        for position, item in enumerate(below.items):
            changed: Node | None = item
            if isinstance(item, MappingNode):
                changed = self._item(item, str(position) if numbered else None, names, path, heads=heads)
                # After these, the number of an unnamed member is known only when the network is planned.
                shifts = {"when", "splice"} | (set() if name_of(item) else {"repeat"})
                numbered = numbered and not shifts & item.entries.keys()
            if changed is not None:
                items.append(changed)
        return items

    def _item(
        self, item: MappingNode, position: str | None, names: Names, path: Path, *, heads: bool
    ) -> MappingNode | None:
        """Change one item of a list and what is inside it; return None if it is removed."""
        word, name = merge_key_of(item), name_of(item)
        if word and name is None:  # members of an unnamed fork are in the scope around it
            return with_value(item, word, self._fork(item.entries[word].value, names, path))
        spliced = item.get("sequence") if "splice" in item.entries else None
        if isinstance(spliced, SequenceNode):
            return with_value(
                item, "sequence", replace(spliced, items=self._items(spliced, names, path, numbered=False))
            )
        listed, label = "layers" if heads else "sequence", name or position
        change = names.take(label)
        changed = item if change is None else self._member(item, change, path, names, listed)
        if changed is not None and (inner := names.inside(label)) is not None:
            changed = self.inside(changed, inner, path, listed)
        if changed is not None and name is not None and is_pattern(name):
            changed = self._in_repetitions(changed, names, path, lambda key: pattern_position(name, key))
        return changed

    def inside(self, item: MappingNode, names: Names, path: Path, listed: str = "sequence") -> MappingNode:
        """Change what is in a member, by the names that follow its own."""
        if "repeat" in item.entries:
            item = self._in_repetitions(item, names, path, lambda key: int(key) if key.isdecimal() else None)
        kind = kind_of(item, listed)
        below = item.get(kind) if kind and kind != "type" else None
        if not names.pending:
            return item
        if kind in MERGES and below is not None:
            changed = self._fork(below, names, path)
            self._report_unknown(names, [below], path)
            return with_value(item, str(kind), changed)
        if isinstance(below, SequenceNode):
            return with_value(item, str(kind), self.members(below, names, path))
        what = type_of(item, listed)
        for entry in names.pending.values():
            message = f"{names.within or self._whole} is {what}: it has no members that could be changed"
            self._report(message, entry.key_location, (*path, entry.key))
        return item

    def _report_unknown(self, names: Names, searched: list[Node], path: Path) -> None:
        """Report the changes that are left over: no member in `searched` has their names."""
        if any(has_misspelled_name(item) for item in members_in(searched)):
            return  # which is reported when the list is read
        for name, entry in names.pending.items():
            first, _, last = name.partition(".")[0], *name.rpartition(".")[1:]
            near = did_you_mean(first, names.known)
            ways = [names.full(way) for way in ways_to(searched, last)]
            hints = () if names.within else self._hint(path, first)
            new = isinstance(entry.value, MappingNode) and any(key in entry.value.entries for key in ("type", *MERGES))
            if hints or (ways and ways != [names.full(name)]):
                near, notes = "", hints or (f"a member of that name is nested deeper: write {ways[0]}",)
            elif new and not near:
                notes = ("a new member says where it is inserted: after: or before: the name of another",)
            elif names.within and names.known and not near:
                notes = (f"its names are {', '.join(names.known)}",)
            else:
                notes = ()
            message = f"{self._subject(names.within)} has no member named {first!r}{near}"
            self._report(message, entry.key_location, (*path, entry.key), *notes)

    # -- new members -----------------------------------------------------------------------------------------------

    def _insert(self, items: list[Node], names: Names, path: Path, *, heads: bool) -> None:
        """Insert new members; the `after` of a new head is the layer that it attaches to, not a position."""
        for name, entry in list(names.pending.items()):
            value = entry.value
            words = [word for word in _PLACES if isinstance(value, MappingNode) and word in value.entries]
            if "." in name or not words or not isinstance(value, MappingNode):
                continue
            if not heads and kind_of(value, "sequence") is None:
                continue
            del names.pending[name]
            inner, word = (*path, entry.key), words[0]
            self.record(inner, entry)
            if "name" in value.entries:
                self._report(f"the name of {name} is its key", value.key_location("name"), (*inner, "name"))
            named = Entry("name", entry.key_span, ScalarNode(name, name, value.source, entry.key_span))
            entries = {key: one for key, one in value.entries.items() if heads or key not in _PLACES}
            new = replace(value, entries={"name": named} | entries)
            if heads:
                items.append(new)
                continue
            if len(words) > 1:
                self._report("found after and before, expected one of them", value.key_location(words[1]), inner)
                continue
            target = str(plain(value.entries[word].value))
            labels = {str(name_of(item)): at for at, item in enumerate(items) if isinstance(item, MappingNode)}
            if target in labels:
                items.insert(labels[target] + (word == "after"), new)
                continue
            message = f"{self._subject(names.within)} has no member named {target!r}{did_you_mean(target, labels)}"
            self._report(message, location(value.entries[word].value), (*inner, word))

    # -- one member ------------------------------------------------------------------------------------------------

    def _member(self, item: MappingNode, change: Entry, path: Path, names: Names, listed: str) -> MappingNode | None:
        """Change one member; return None if it is removed."""
        above, path = change.value, (*path, change.key)
        if not isinstance(above, MappingNode):
            if is_null(above):
                self.record(path, change)
                return None
            message = f"found {describe(above)}, expected the keys to change, or null to remove {change.key}"
            self._report(message, location(above), path)
            return item
        if "name" in above.entries:
            message = f"the name of {change.key} cannot change: changes refer to members by name"
            self._report(message, above.key_location("name"), (*path, "name"))
        return self._keys(item, above, path, names.full(change.key.rpartition(".")[2]), listed)

    def _keys(self, item: MappingNode, above: MappingNode, path: Path, within: str, listed: str) -> MappingNode:
        """Merge new keys into those of a member; null removes a key."""
        above = replace(above, entries=dict(self._applicable_changes(item, above, within, listed, path)))
        entries = kept_entries(item, above, listed, self._known_keys)
        for key, entry in above.entries.items():
            below, value = entries.get(key), entry.value
            if is_null(value) and key not in item.entries:
                near = did_you_mean(key, item.entries)
                self._report(f"{path[-1]} does not set {key!r}{near}", entry.key_location, (*path, key))
            elif is_null(value):
                self.record((*path, key), entry)
                entries.pop(key, None)
            elif key in MERGES and below and isinstance(value, MappingNode):
                names = Names(dict(value.entries), within)
                changed = self._fork(below.value, names, (*path, key))
                self._report_unknown(names, [below.value], (*path, key))
                entries[key] = replace(below, value=changed)
            elif key == listed and below and isinstance(below.value, SequenceNode) and isinstance(value, MappingNode):
                names = Names(dict(value.entries), within)
                entries[key] = replace(below, value=self.members(below.value, names, (*path, key)))
            else:
                self.record((*path, key), entry)
                entries[key] = entry
        return replace(item, entries=entries, original=item)

    def _applicable_changes(
        self, item: MappingNode, above: MappingNode, within: str, listed: str, path: Path
    ) -> Iterator[tuple[str, Entry]]:
        """Yield the changes to keys of a member; report those that should be changes to members inside it."""
        for key, entry in above.entries.items():
            if key == "type" and self._keeps_types:
                self._report("'type' cannot differ between repetitions", entry.key_location, (*path, key))
                continue
            if isinstance(entry.value, MappingNode):
                if key == listed and not isinstance(item.get(key), SequenceNode):
                    self._report_list(item, entry, listed, path)
                    continue
                ways = ways_to([item], key) if key not in (*LAYER_KEYS, *MERGES, *LISTS) else []
                if ways:
                    message = f"{key} is a member inside {path[-1]}, not a key of it"
                    self._report(message, entry.key_location, (*path, key), f"write {within}.{ways[0]}")
                    continue
            yield key, entry

    def _report_list(self, item: MappingNode, entry: Entry, listed: str, path: Path) -> None:
        """Report a change by name of a list that the member does not have."""
        kind = kind_of(item, entry.key)
        what = type_of(item, listed)
        message = f"{path[-1]} is {what}: it has no list {entry.key!r} whose members could be changed"
        known = self._known_keys(what.partition(" ")[2])
        notes = [f"its keys are {', '.join(known)}"] if known else []
        if kind in MERGES:
            notes = [f"change its branches: {path[-1]}: {{{kind}: {{…}}}}"]
        self._report(message, entry.key_location, (*path, entry.key), *notes, f"a list under {entry.key!r} replaces it")

    # -- repetitions -----------------------------------------------------------------------------------------------

    def _in_repetitions(
        self, item: MappingNode, names: Names, path: Path, position_of: Callable[[str], int | None]
    ) -> MappingNode:
        """Change single repetitions of a member, by adding to its `overrides`."""
        for name in list(names.pending):
            first, _, rest = name.partition(".")
            position = position_of(first)
            if position is not None:
                item = self._repetition(item, position, rest, names.pending.pop(name), path)
        return item

    def _repetition(self, item: MappingNode, position: int, rest: str, entry: Entry, path: Path) -> MappingNode:
        """Merge a change of one repetition into the member's `overrides`, or into its `first`."""
        value = entry.value
        if rest:
            value = MappingNode({rest: replace(entry, key=rest)}, value.source, value.span)
        elif not isinstance(value, MappingNode):
            message = f"found {describe(value)}, expected the keys to change"
            self._report(message, location(value) if not is_null(value) else entry.key_location, (*path, entry.key))
            return item
        assert isinstance(value, MappingNode)
        self.record((*path, entry.key), entry)
        is_first = position == 0 and "first" in item.entries
        key = "first" if is_first else str(position)
        overrides_before = item if is_first else item.get("overrides")
        entries = dict(overrides_before.entries) if isinstance(overrides_before, MappingNode) else {}
        below = entries[key].value if key in entries else None
        merged = replace(value, entries=below.entries | value.entries) if isinstance(below, MappingNode) else value
        entries[key] = Entry(key, entry.key_span, merged, source=entry.source)
        if is_first:
            return replace(item, entries=entries, original=item)
        overrides = MappingNode(entries, value.source, value.span)
        return replace(
            item,
            entries={**item.entries, "overrides": Entry("overrides", entry.key_span, overrides, source=entry.source)},
            original=item,
        )

    # -- branches --------------------------------------------------------------------------------------------------

    def _fork(self, below: Node, names: Names, path: Path) -> Node:
        """Change the branches of a fork: named branches, and the members of unnamed ones."""
        if isinstance(below, MappingNode):
            entries = {}
            for name, entry in below.entries.items():
                change = names.take(name)
                branch = entry.value if change is None else self._branch(entry.value, change, path, names)
                if branch is not None and (inner := names.inside(name)) is not None:
                    branch = self._in_branch(branch, inner, path)
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
            items = self._items(one, names, path, numbered=False)
            single = isinstance(branch, MappingNode) and len(items) == 1
            branches.append(items[0] if single else replace(one, items=items))
        return replace(below, items=branches)

    def _branch(self, below: Node, change: Entry, path: Path, names: Names) -> Node | None:
        """Change a named branch: a list replaces it, null removes it, a mapping changes its members."""
        above, inner = change.value, (*path, change.key)
        name = change.key.rpartition(".")[2]
        if isinstance(above, MappingNode):
            if isinstance(below, SequenceNode):
                single = below.items[0] if len(below.items) == 1 else None
                if isinstance(single, MappingNode) and "type" in single.entries and not single.get("name"):
                    # the branch's name is its own
                    return replace(below, items=[self._keys(single, above, inner, names.full(name), "sequence")])
                return self.members(below, Names(dict(above.entries), names.full(name)), inner)
            if isinstance(below, MappingNode):
                return self._keys(below, above, inner, names.full(name), "sequence")
            message = f"the branch {name} has no layers to change: a list of layers replaces it"
            self._report(message, change.key_location, inner)
            return below
        if isinstance(above, SequenceNode) or is_null(above):
            self.record(inner, change)
            return above if isinstance(above, SequenceNode) else None
        message = f"found {describe(above)}, expected what to change in {name}, a list of layers, or null"
        self._report(message, location(above), inner)
        return below

    def _in_branch(self, branch: Node, names: Names, path: Path) -> Node:
        """Change what is in a named branch, by the names that follow its own."""
        if isinstance(branch, SequenceNode):
            return self.members(branch, names, path)
        if isinstance(branch, MappingNode):
            members = self.members(SequenceNode([branch], branch.source, branch.span), names, path)
            return members.items[0] if len(members.items) == 1 else members
        for entry in names.pending.values():
            message = f"the branch {names.within} has no layers to change: a list of layers replaces it"
            self._report(message, entry.key_location, (*path, entry.key))
        return branch


def changed_member(
    node: MappingNode, changes: MappingNode, name: str, path: Path, problems: list[Problem]
) -> MappingNode:
    """Return a sequence or a fork with the members inside it changed by name.

    Args:
        node: The sequence or fork.
        changes: The changes.
        name: What it is called in messages.
        path: The keys that lead to the changes in the file.
        problems: The list of problems to extend.
    """
    changing = MemberChanges(problems, name, lambda _: None, keeps_types=True)
    return changing.inside(node, Names(dict(changes.entries)), path)
