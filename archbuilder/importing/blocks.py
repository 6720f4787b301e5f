"""Equal modules become blocks: one template for the instances of a class, with parameters for what differs."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from archbuilder.importing.idioms import merge_of
from archbuilder.importing.parameters import BlockDraft, block_of
from archbuilder.importing.repeats import with_repeats
from archbuilder.importing.tree import CLASS, INPUT, OUTPUT, Members
from archbuilder.importing.unify import UnlikeError, unify
from archbuilder.primitives import MERGES, PRIMITIVES
from archbuilder.spec.blocks import shipped_blocks

Member = dict[str, Any]
_CONTAINERS = frozenset(("", "Sequential", "ModuleList", "ModuleDict", "Composite"))


class Blocks:
    """The blocks of a network.

    Attributes:
        bodies: Each block as the file has it, by name.
        defaults: The defaults of each block's parameters that are no `$` values.
        counts: How many modules each block stands for.
    """

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.defaults: dict[str, dict[str, Any]] = {}
        self.counts: dict[str, int] = {}

    def find(self, members: Members) -> None:
        """Replace modules of the same class by uses of a block, those inside others first; `members` change."""
        while classes := _classes(members):
            name = min(classes, key=lambda each: (max(map(_height, classes[each])), each))
            for member in classes[name] if len(classes[name]) > 1 else ():
                member["sequence"] = with_repeats(member["sequence"], self.bodies, self.defaults, numbered=True)
            for instances in self._alike(classes[name]):
                self._replace(name, instances)
            for member in classes[name]:
                member.pop(CLASS, None)

    def _alike(self, instances: list[Member]) -> list[list[Member]]:
        """Return groups of instances that are one template each."""
        if self._draft(instances) is not None:
            return [instances]
        groups: dict[str, list[Member]] = defaultdict(list)
        for member in instances:
            groups[_outline(member["sequence"])].append(member)
        merged: list[list[Member]] = []
        for group in groups.values():
            for earlier in merged:
                if self._draft([*earlier, *group]) is not None:
                    earlier.extend(group)
                    break
            else:
                merged.append(group)
        return merged

    def _draft(self, instances: Sequence[Member]) -> BlockDraft | None:
        try:
            template = unify([member["sequence"] for member in instances], self.defaults)
            return block_of(template, [m[INPUT] for m in instances], [m[OUTPUT] for m in instances])
        except UnlikeError:
            return None

    def _replace(self, class_name: str, instances: list[Member]) -> None:
        draft = self._draft(instances) if len(instances) > 1 else None
        if draft is None:
            return
        name = self._free(class_name)
        body: dict[str, Any] = {"parameters": draft.parameters} if draft.parameters else {}
        self.bodies[name] = {**body, "body": draft.body}
        self.defaults[name] = {**draft.defaults, "(widths)": draft.widths}
        self.counts[name] = len(instances)
        for member, use in zip(instances, draft.uses, strict=True):
            kept = {key: member[key] for key in ("name", "from", INPUT, OUTPUT, "(after)", "(listed)") if key in member}
            member.clear()
            member |= {**{k: v for k, v in kept.items() if k in ("name", "from")}, "type": name, **use, **kept}

    def _free(self, class_name: str) -> str:
        class_name = re.sub(r"([A-Z][a-z])([A-Z][a-z])(?![a-z])", lambda m: m[0].capitalize(), class_name)  # NeXt
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()
        name = re.sub(r"\W+|_+", "_", words).strip("_") or "block"
        taken = {*PRIMITIVES, *MERGES, *shipped_blocks(), *self.bodies, "sequence"}
        if name in taken and name not in self.bodies:
            name = f"{name}_block"
        stem, number = name, 2
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        return name


def _classes(members: Members) -> dict[str, list[Member]]:
    """Return the modules that stand in a network, by class."""
    found: dict[str, list[Member]] = defaultdict(list)
    for member in below(members):
        if "sequence" in member and member.get(CLASS, "") not in _CONTAINERS:
            found[member[CLASS]].append(member)
    return found


def below(members: Members) -> Iterator[Member]:
    """Yield members and what is in them."""
    for member in members:
        yield member
        for inner in lists_in(member):
            yield from below(inner)


def lists_in(member: Member) -> list[Members]:
    """Return the lists of members that a member has."""
    if "sequence" in member:
        return [member["sequence"]]
    merge = merge_of(member)
    return [branch for branch in member[merge] if isinstance(branch, list)] if merge else []


def _height(member: Member) -> int:
    return 1 + max((_height(each) for inner in lists_in(member) for each in inner), default=0)


def _outline(members: Members) -> str:
    """Return what members are, without values."""
    parts = []
    for member in members:
        inner = " ".join(f"({_outline(each)})" for each in lists_in(member))
        parts.append(f"{member.get('name', '')}:{member.get('type', '') or merge_of(member)}{inner}")
    return ", ".join(parts)
