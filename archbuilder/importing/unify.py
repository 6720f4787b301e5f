"""Equal structures: members that differ in values alone become one template with slots where the values stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from archbuilder.importing.idioms import SETTINGS, merge_of
from archbuilder.importing.tree import CLASS, INPUT, OUTPUT, Members
from archbuilder.primitives import MERGES, PRIMITIVES

Member = dict[str, Any]


class _Absent:
    """What stands where a member, or a value of one that is absent, would be."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()
WHEN = "(when)"
"""The key under which a member keeps the number of the condition that it needs."""

ALONE = "(alone)"
"""The key under which a member keeps that it is a branch by itself, so that its condition removes the branch."""

VALUES = "(values)"
"""The key under which a use of a block keeps the values of all parameters."""


@dataclass(eq=False)
class Slot:
    """A place in a template where a value stands.

    Attributes:
        key: The key of the layer.
        type: The type of the layer.
        path: The names around it, the layer's own last.
        values: The value in each instance; `ABSENT` where the layer is.
        inputs: The input channels of the layer in each instance.
        within: The optional members around it, by their number.
        is_width: Whether it is a number of channels.
        branches: The branches of concatenations around it: the position in each, by the number of the concatenation.
    """

    key: str
    type: str
    path: tuple[str, ...]
    values: list[Any]
    inputs: list[Any]
    within: tuple[int, ...] = ()
    is_width: bool = False
    branches: dict[int, int] = field(default_factory=dict)

    def is_beside(self, other: Slot) -> bool:
        """Return whether it stands in another branch of a concatenation than another slot."""
        return any(other.branches.get(fork, place) != place for fork, place in self.branches.items())


@dataclass(eq=False)
class Optional:
    """A member that some instances lack.

    Attributes:
        present: Whether each instance has it; `ABSENT` where what is around it is absent.
        member: The member in the template; None for a branch of nothing.
        number: Its number.
        within: The optional members around it.
    """

    present: list[Any]
    member: Member
    number: int
    within: tuple[int, ...] = ()


@dataclass(eq=False)
class Template:
    """Members with slots.

    Attributes:
        body: The members; values that differ, and all widths, are `Slot`s.
        slots: The slots.
        optional: The members that some instances lack.
    """

    body: Members
    slots: list[Slot] = field(default_factory=list)
    optional: list[Optional] = field(default_factory=list)


_MOST_BRANCHES = 4
_SAYING = ("depthwise", "expand", "project", "conv")
"""Words of members without names that names of parameters may have."""


class UnlikeError(Exception):
    """Structures that are not one template."""


def unify(instances: Sequence[Members], defaults: dict[str, dict[str, Any]]) -> Template:
    """Return the template of members that are alike.

    Args:
        instances: The members of each instance.
        defaults: The defaults of blocks' parameters, by type.

    Raises:
        UnlikeError: They are not alike.
    """
    return _Unifier(defaults).run(instances)


class _Unifier:
    def __init__(self, defaults: dict[str, dict[str, Any]]) -> None:
        self._defaults = defaults
        self._template = Template([])
        self._branches: dict[int, int] = {}
        self._concatenations = 0
        self._tied = False  # whether the widths of branches need each other

    def run(self, instances: Sequence[Members]) -> Template:
        self._tied = any(map(_ties_branches, instances))
        self._template.body = self._lists(list(instances), (), ())
        return self._template

    def _lists(self, lists: list[Any], path: tuple[str, ...], within: tuple[int, ...]) -> Members:
        """Unify lists of members; `ABSENT` stands for one that is not there."""
        lists = _as_forks(lists)
        counted = _are_counted([each for each in lists if each is not ABSENT])
        named = [None if each is ABSENT else _keys_of(each, counted) for each in lists]
        listed = [keys for keys in named if keys is not None]
        order = _merged_order(listed)
        if not counted and any(_exclude_each_other(one, other) for one in listed for other in listed):
            raise UnlikeError(f"{path}: members that exclude each other")
        body: Members = []
        for key in order:
            found = [
                ABSENT if keys is None or key not in keys else members[keys.index(key)]
                for keys, members in zip(named, lists, strict=True)
            ]
            missing = [m is ABSENT and keys is not None for m, keys in zip(found, named, strict=True)]
            inner = within
            optional: Optional | None = None
            if any(missing):
                present = [ABSENT if keys is None else m is not ABSENT for m, keys in zip(found, named, strict=True)]
                optional = Optional(present, {}, len(self._template.optional), within)
                self._template.optional.append(optional)
                inner = (*within, optional.number)
            member = self._members(found, path, inner, key[0] if counted else "")
            if optional is not None and "repeat" in member:
                raise UnlikeError(f"{path}: a repeat that some lack")
            if optional is not None:
                optional.member = member
                member[WHEN] = optional.number
            body.append(member)
        return body

    def _members(self, found: list[Any], path: tuple[str, ...], within: tuple[int, ...], word: str = "") -> Member:
        """Unify members; `word` is what one is called that has no name but its position."""
        given = [each for each in found if each is not ABSENT]
        first = given[0]
        merge = merge_of(first)
        kinds = {("sequence" in each, merge_of(each), each.get("type")) for each in given}
        if len(kinds) > 1:
            raise UnlikeError(f"{path}: {kinds}")
        name = {"name": first["name"]} if "name" in first and not word else {}
        if name or word in _SAYING:
            path = (*path, word or first["name"])
        inputs = [ABSENT if each is ABSENT else each.get(INPUT) for each in found]
        common: Member = {**name}
        keys = dict.fromkeys(key for each in given for key in each)
        skipped = {"name", "type", "sequence", merge, CLASS, INPUT, OUTPUT, VALUES}
        if merge:
            common |= self._fork(found, given, merge, path, within)
        elif "sequence" in first:
            common["sequence"] = self._lists(
                [each if each is ABSENT else each["sequence"] for each in found], path, within
            )
        else:
            common["type"] = first["type"]
        kind = first.get("type", "")
        for key in keys:
            if key in skipped or (merge and key == "split"):
                continue
            if key == "first":
                common[key] = self._first(found, given, kind, path, inputs, within)
            else:
                common[key] = self._value_of(key, kind, found, given, inputs, path, within)
        return common

    def _value_of(
        self,
        key: str,
        kind: str,
        found: list[Any],
        given: list[Member],
        inputs: list[Any],
        path: tuple[str, ...],
        within: tuple[int, ...],
    ) -> Any:
        """Return the value that a key has in every instance, or a slot."""
        values = [each if each is ABSENT else _value(each, key, self._default(kind, key)) for each in found]
        shown = [value for value in values if value is not ABSENT]
        if key == "padding" and _is_half(shown, given):
            return "half"
        if any(isinstance(value, str) and value.startswith("$") for value in shown):
            if all(value == shown[0] for value in shown):
                return shown[0]
            values = [i if v == "$in_channels" else v for v, i in zip(values, inputs, strict=True)]
            shown = [value for value in values if value is not ABSENT]
        is_width = key == "out" or self._is_width(kind, key)
        equal = all(value == shown[0] for value in shown)
        if equal and not is_width and not (key == "stride" and within):
            return shown[0]
        if key in ("from", "split", "overrides") or any(isinstance(value, list) and _nested(value) for value in shown):
            raise UnlikeError(f"{path}: {key}")
        return self._slot(key, kind, path, values, inputs, within, is_width)

    def _slot(self, *place: Any) -> Slot:
        slot = Slot(*place)
        slot.branches = dict(self._branches)
        self._template.slots.append(slot)
        return slot

    def _first(
        self,
        found: list[Any],
        given: list[Member],
        kind: str,
        path: tuple[str, ...],
        inputs: list[Any],
        within: tuple[int, ...],
    ) -> Member:
        """Unify what differs in first copies: the same keys, with values of their own."""
        if len({tuple(each.get("first", ())) for each in given}) > 1:
            raise UnlikeError(f"{path}: first")
        changes: Member = {}
        for key in given[0]["first"]:
            values = [each if each is ABSENT else each["first"][key] for each in found]
            shown = [value for value in values if value is not ABSENT]
            if all(value == shown[0] for value in shown):
                changes[key] = shown[0]
            else:
                where = (*path, "first")
                changes[key] = self._slot(key, kind, where, values, inputs, within, self._is_width(kind, key))
        return changes

    def _is_width(self, kind: str, key: str) -> bool:
        return key in self._defaults.get(kind, {}).get("(widths)", ())

    def _fork(
        self, found: list[Any], given: list[Member], merge: str, path: tuple[str, ...], within: tuple[int, ...]
    ) -> Member:
        counts = {len(each[merge]) for each in given}
        splits = {str(each.get("split")) for each in given}
        if len(counts) > 1 or len(splits) > 1:
            raise UnlikeError(f"{path}: forks")
        branches: list[Any] = []
        is_free = merge == "concat" and "split" not in given[0] and not self._tied
        self._concatenations += is_free
        number = self._concatenations
        sides = _aligned([each[merge] for each in given]) if merge != "concat" else [each[merge] for each in given]
        aligned = iter(sides)
        forks: list[Any] = [each if each is ABSENT else next(aligned) for each in found]
        for place in range(counts.pop()):
            lists = [each if each is ABSENT else each[place] for each in forks]
            texts = {each for each in lists if isinstance(each, str)}
            if texts:
                if len(texts) > 1 or any(not isinstance(each, str) and each is not ABSENT for each in lists):
                    raise UnlikeError(f"{path}: earlier outputs")
                branches.append(texts.pop())
                continue
            if any(isinstance(each, _Gone) for each in lists):
                present = [ABSENT if each is ABSENT else not isinstance(each, _Gone) for each in lists]
                skip: Member = {"name": "skip", "type": "identity", WHEN: len(self._template.optional), ALONE: True}
                self._template.optional.append(Optional(present, skip, len(self._template.optional), within))
                branches.append([skip])
                continue
            around = self._branches, self._tied
            self._branches = {**self._branches, number: place} if is_free else self._branches
            self._tied = self._tied or merge != "concat"
            branches.append(self._lists(lists, path, within))
            self._branches, self._tied = around
        split = {"split": given[0]["split"]} if "split" in given[0] else {}
        return {**split, merge: branches}

    def _default(self, kind: str, key: str) -> Any:
        """Return what a key is where nobody writes it."""
        if kind == "conv":
            known = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "norm_groups": 32, **SETTINGS}
            if key == "bias":
                raise UnlikeError("a bias of conv")
            return known.get(key)
        if kind in self._defaults:
            return self._defaults[kind].get(key)
        primitive = PRIMITIVES.get(kind)
        for name, info in primitive.model_fields.items() if primitive else ():
            if (info.alias or name) == key:
                return _simple(info.default)
        raise UnlikeError(f"{key} of {kind}")


def _ties_branches(members: Any) -> bool:
    """Return whether something needs equal widths of branches: a shuffle, or a sum with an earlier output by name."""
    if isinstance(members, dict):
        named = any(isinstance(each, str) for merge in ("add", "multiply") for each in members.get(merge, ()))
        return named or members.get("type") == "channel_shuffle" or any(map(_ties_branches, members.values()))
    return isinstance(members, list) and any(map(_ties_branches, members))


def _aligned(forks: list[list[Any]]) -> list[list[Any]]:
    """Return the branches of sums or products in the order of the fork that has most in its branches."""

    def names(branch: Any) -> set[str]:
        return {str(member.get("name")) for member in branch} if isinstance(branch, list) else {str(branch)}

    reference = max(forks, key=lambda fork: sum(bool(branch) for branch in fork))
    if len(reference) > _MOST_BRANCHES:
        return forks

    def likeness(branches: Iterable[Any]) -> int:
        return sum(len(names(one) & names(other)) for one, other in zip(branches, reference, strict=True))

    aligned = [list(max(permutations(fork), key=likeness)) for fork in forks]
    for fork in aligned:
        for one, other in zip(fork, reference, strict=True):
            if one and other and not names(one) & names(other):
                raise UnlikeError("branches that have nothing in common")
    return aligned


class _Gone(list[Any]):
    """A branch that is not there."""


def _as_forks(lists: list[Any]) -> list[Any]:
    """Give lists that lack the residual of others one without its identity, so that a condition can remove that."""
    whole = [each for each in lists if each is not ABSENT]
    forked = [each for each in whole if len(each) >= 1 and _is_residual(each[0])]
    if not forked or len(forked) == len(whole):
        return lists
    rest = {len(each) - 1 for each in forked}
    if len(rest) > 1 or rest.pop() != 0 or any(any(merge_of(m) for m in each) for each in whole if each not in forked):
        return lists
    order = [bool(branch) for branch in forked[0][0]["add"]]

    def fork(members: Any) -> Any:
        if members is ABSENT or members in forked:
            return members
        add = [members if full else _Gone() for full in order]
        return [{"add": add, INPUT: members[0].get(INPUT) if members else None}]

    return [fork(each) for each in lists]


def _is_residual(member: Member) -> bool:
    branches = member.get("add")
    return (
        isinstance(branches, list)
        and len(branches) == 2
        and sum(each == [] for each in branches) == 1
        and "name" not in member
    )


def _exclude_each_other(one: list[tuple[str, int]], other: list[tuple[str, int]]) -> bool:
    """Return whether each of two lists has something that the other lacks, one of them a fork: of another structure."""
    own, others = set(one) - set(other), set(other) - set(one)
    return bool(own and others) and any(word in MERGES for word, _ in own | others)


def _are_counted(lists: list[Members]) -> bool:
    """Return whether the names of lists of other lengths are positions, which say nothing of what is alike."""
    positions = all(m.get("name") == str(place) for each in lists for place, m in enumerate(each))
    return len({len(each) for each in lists}) > 1 and positions


def _what(member: Member) -> str:
    """Return a word for what a member does, by which it is recognized in lists of other lengths."""
    if member.get("type") not in ("conv", "convolution"):
        return str(merge_of(member) or member.get("type", "sequence"))
    if member.get("groups") == "$in_channels":
        return "depthwise"
    if member.get("kernel") != 1:
        return "conv"
    out = member["out"]
    return "expand" if isinstance(out, int) and out > member.get(INPUT, 0) else "project"


def _keys_of(members: Members, counted: bool) -> list[tuple[str, int]]:
    """Return what members are recognized by: their names, or what they are and the how many-th."""
    keys: list[tuple[str, int]] = []
    for member in members:
        word = _what(member) if counted else member.get("name") or merge_of(member) or member.get("type", "sequence")
        keys.append((str(word), sum(word == each for each, _ in keys)))
    return keys


def _merged_order(lists: list[list[tuple[str, int]]]) -> list[tuple[str, int]]:
    """Return an order that agrees with that of every list."""
    order: list[tuple[str, int]] = []
    for keys in sorted(lists, key=len, reverse=True):
        place = 0
        for key in keys:
            if key in order:
                found = order.index(key)
                if found < place:
                    raise UnlikeError(f"the order of {key[0]}")
                place = found + 1
            else:
                order.insert(place, key)
                place += 1
    return order


def _value(member: Member, key: str, default: Any) -> Any:
    return member.get(key, member.get(VALUES, {}).get(key, default))


def _is_half(values: list[Any], given: list[Member]) -> bool:
    """Return whether paddings are all `half`, which is none for a kernel of 1."""
    alike = (
        value == "half" or (value == 0 and each.get("kernel") == 1) for value, each in zip(values, given, strict=True)
    )
    return "half" in values and all(alike)


def _nested(value: list[Any]) -> bool:
    return any(isinstance(each, list) for each in value) or any(isinstance(each, float) for each in value)


def _simple(value: Any) -> Any:
    if isinstance(value, tuple):
        parts = [_simple(each) for each in value]
        return parts[0] if all(each == parts[0] for each in parts) else parts
    return value
