"""Members that repeat: equal neighbors become one with `repeat`, with `first` and `overrides` for what differs."""

import re
from collections.abc import Mapping
from typing import Any

from archbuilder.importing.idioms import merge_of
from archbuilder.importing.tree import CLASS, INPUT, OUTPUT, Members
from archbuilder.importing.unify import VALUES

Member = dict[str, Any]
_PRIVATE = (INPUT, OUTPUT, CLASS, VALUES)
_MOST_FIRST = 3


def with_repeats(
    members: Members, blocks: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]], *, numbered: bool = False
) -> Members:
    """Return members with equal neighbors folded, those inside first.

    Args:
        members: The members.
        blocks: The blocks of the file.
        defaults: The defaults of the blocks' parameters.
        numbered: Whether the list is that of a sequence.
    """
    return _Folder(blocks, defaults).folded(members, numbered=numbered)


class _Folder:
    def __init__(self, blocks: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]]) -> None:
        self._blocks, self._defaults = blocks, defaults

    def folded(self, members: Members, *, numbered: bool) -> Members:
        """Return a list with its repeats folded; `numbered` says whether it is that of a sequence."""
        inside = [self._inside(member) for member in members]
        folded: Members = []
        place = 0
        while place < len(inside):
            end = self._end(inside, place)
            folded.append(self._joined(inside[place:end], place, numbered) if end - place > 1 else inside[place])
            place = end
        return folded

    def _inside(self, member: Member) -> Member:
        if "sequence" in member:
            inner = self.folded(member["sequence"], numbered=True)
            if len(inner) == 1 and inner[0].get("repeat", 0) > 1 and inner[0].pop("(counted)", False):
                only = {key: value for key, value in inner[0].items() if key != "name"}
                kept: Member = {key: member[key] for key in ("name", "from") if key in member}
                return {**kept, **only, INPUT: member.get(INPUT), OUTPUT: member.get(OUTPUT)}
            return {**member, "sequence": inner}
        merge = merge_of(member)
        if merge:
            branches = [self.folded(b, numbered=False) if isinstance(b, list) else b for b in member[merge]]
            return {**member, merge: branches}
        return member

    # -- runs --------------------------------------------------------------------------------------------------------

    def _end(self, members: Members, start: int) -> int:
        """Return where a run that starts at a place ends."""
        end = start + 1
        while end < len(members) and self._continues(members, start, end):
            end += 1
        if end - start > 1 and "type" in members[start]:
            changes = self._differences(members[end - 1], members[start])
            if sum(not self._is_drop(members[start]["type"], key) for key in changes) > min(
                end - start - 1, _MOST_FIRST
            ):
                return start + 1
        return end

    def _continues(self, members: Members, start: int, end: int) -> bool:
        one, other = members[start], members[end]
        if "name" not in one or "name" not in other or "from" in other or "repeat" in one or "repeat" in other:
            return False
        if _follows(one["name"], other["name"], end - start) is None:
            return False
        if "type" not in one or one.get("type") != other.get("type"):
            return _bare(one) == _bare(other)
        if end - start > 1:
            return self._without_drop(members[start + 1]) == self._without_drop(other)
        differing = self._differences(other, one)
        if "when" in differing:
            return False
        if one["type"] not in self._blocks:
            return not differing and one["type"] not in ("activation", "dropout")
        return True

    def _without_drop(self, member: Member) -> Member:
        return {key: value for key, value in _bare(member).items() if not self._is_drop(member.get("type", ""), key)}

    def _is_drop(self, kind: str, key: str) -> bool:
        declared = self._blocks.get(kind, {}).get("parameters", {}).get(key)
        return isinstance(declared, dict) and declared.get("type") == "probability"

    def _differences(self, base: Member, other: Member) -> Member:
        """Return what is to be changed of a member to get another; None removes a key."""
        own, others = _bare(base), _bare(other)
        changes: Member = {}
        for key in {**own, **others}:
            before, after = own.get(key), others.get(key)
            is_padding_of_1x1 = key == "padding" and others.get("kernel") == 1
            if before == after or (is_padding_of_1x1 and (before, after) in (("half", None), (None, "half"))):
                continue
            changes[key] = others[key] if key in others else self._default(base["type"], key)
        return changes

    def _default(self, kind: str, key: str) -> Any:
        return self._defaults.get(kind, {}).get(key)

    def _joined(self, run: Members, place: int, numbered: bool) -> Member:
        base = dict(run[-1])
        drops = [key for key in base if "type" in base and self._is_drop(base["type"], key)]
        for key in drops:
            del base[key]
        base.pop("name")
        changes = [self._differences(base, each) for each in run] if "type" in base else [{} for _ in run]
        joined: Member = {"name": self._name(run)}
        counted = [each["name"] for each in run] == [str(number) for number in range(len(run))]
        kind: Member = {"type": base.pop("type")} if "type" in base else {}
        inner = {key: base.pop(key) for key in ("sequence",) if key in base}
        joined |= {**kind, "repeat": len(run), **base}
        if changes[0] and not any(changes[1:]):
            joined["first"] = changes[0]
        elif any(changes):
            joined["overrides"] = {number: change for number, change in enumerate(changes) if change}
        joined |= inner
        if place == 0 and counted and numbered:
            joined["(counted)"] = True
        return {**joined, INPUT: run[0].get(INPUT), OUTPUT: run[-1].get(OUTPUT)}

    @staticmethod
    def _name(run: Members) -> str:
        match = _last_number(run[0]["name"])
        assert match
        before, number, after = match
        return f"{before}{{{number if int(number) else ''}}}{after}"


def _bare(member: Member) -> Member:
    """Return a member without its name and what is not written."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items() if key not in _PRIVATE}
        return [plain(each) for each in value] if isinstance(value, list) else value

    return {key: plain(value) for key, value in member.items() if key not in (*_PRIVATE, "name", "(counted)")}


def _last_number(name: str) -> tuple[str, str, str] | None:
    last = re.fullmatch(r"(.*\D|)(\d+)(\D*)", name)
    return (last[1], last[2], last[3]) if last else None


def _follows(one: str, other: str, steps: int) -> str | None:
    """Return the number of a name that is so many steps after another; None if it is not."""
    first, second = _last_number(one), _last_number(other)
    if not first or not second or first[::2] != second[::2]:
        return None
    right = (
        int(second[1]) == int(first[1]) + steps and str(int(second[1])) == second[1] and str(int(first[1])) == first[1]
    )
    return second[1] if right else None
