"""Check the `$` names in blocks when a file is read, also in blocks that no layer uses."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from archbuilder.errors import Problem
from archbuilder.spec.blocks import Block
from archbuilder.spec.entries import ForkEntry, LayerEntry, Member, SequenceEntry
from archbuilder.spec.expression import UnknownNameError, names_in
from archbuilder.spec.keys import GIVEN_NAMES


def check_references(blocks: Mapping[str, Block], variables: Mapping[str, Any], problems: list[Problem]) -> set[str]:
    """Add a problem for each `$` name in a block's body that is neither a parameter nor known everywhere in the file.

    Returns:
        The names of the blocks with such a name, whose layers cannot be checked.
    """
    everywhere = {*variables, *GIVEN_NAMES}
    broken = set()
    for block in blocks.values():
        unknown: dict[str, Problem] = {}
        for member, key, value in _values(block.body) if not block.broken else ():
            for name in names_in(value):
                if name not in block.parameters and name not in everywhere and name not in unknown:
                    error = UnknownNameError(name, [*block.parameters, *sorted(everywhere)])
                    unknown[name] = Problem(str(error), member.place(key), f"{member.path}.{key}", error.notes)
        if unknown:
            broken.add(block.name)
        if len(unknown) > 1 and not block.parameters:
            first, names = next(iter(unknown.values())), ", ".join(f"${name}" for name in unknown)
            message = f"{names} are not known here: declare them, such as parameters: {{out: width}}"
            problems.append(replace(first, message=message))
        else:
            problems += unknown.values()
    return broken


def _common_values(member: Member) -> Iterator[tuple[str, Any]]:
    yield from (("when", member.when), ("repeat", member.repeat), ("name", member.computed_name))
    if isinstance(member, ForkEntry):
        yield "split", member.split


def _values(members: list[Member]) -> Iterator[tuple[Member, str, Any]]:
    """Yield each value of members that may be a `$` value, with its member and its key."""
    for member in members:
        yield from ((member, key, value) for key, value in _common_values(member))
        yield from _values(list(member.overrides.values()))
        if isinstance(member, LayerEntry):
            yield from ((member, key, value) for key, value in member.values.items())
        elif isinstance(member, SequenceEntry):
            yield from _values(member.members)
        elif isinstance(member, ForkEntry):
            for branch in member.branches:
                yield from ((branch.members[0], "when", branch.when) for _ in branch.members[:1])
                yield from _values(branch.members)
