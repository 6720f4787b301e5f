"""The members that a spec's file has, by the names that the plan gives them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from archbuilder.errors import Problem
from archbuilder.plan.defaults import TypeDefaults
from archbuilder.plan.plan import DeclaredInput, PlannedOp, SearchableWidth
from archbuilder.plan.planner import run_planning
from archbuilder.plan.planning import Planning
from archbuilder.spec.blocks import Block
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.entries import ForkEntry, Member, SequenceEntry


@dataclass(frozen=True, eq=False)
class MemberIndex:
    """The members of a spec's file by full name.

    Attributes:
        names: The position of each member, in the order of `all_members`, by its full name. A repeated member has the
            name of its first copy, also if it has no copies; a member that a condition removes has no name.
        copies: The same, by every full name of a member, including those of its repetitions.
        around: The members that contain each op, innermost first, including those of blocks' bodies, by the op's name.
        searchable_widths: The searchable widths by name.
        defaults: The file's defaults by type of layer.
        declared: Every `in:`, with the actual input channels.
        problems: The problems of the spec, except those of its `in:`.
    """

    names: dict[str, int]
    copies: dict[str, int]
    around: dict[str, list[Member]]
    searchable_widths: dict[str, SearchableWidth]
    defaults: dict[str, TypeDefaults]
    declared: list[DeclaredInput]
    problems: list[Problem]


def index_members(document: SpecDocument) -> MemberIndex:
    """Plan a spec to index its members by name; every `in:` follows the actual input."""
    indexer = _Indexer(document)
    planning = Planning(document, checks_inputs=False, observer=indexer)
    run_planning(planning)
    return MemberIndex(
        indexer.names,
        indexer.copies,
        indexer.around,
        planning.widths.found,
        planning.defaults,
        planning.inputs.declared,
        planning.diagnostics.problems,
    )


def all_members(document: SpecDocument) -> Iterator[Member]:
    """Yield every member of the spec's file, including heads and members of branches, excluding bodies of blocks."""
    yield from below(document.layers)
    yield from below(head.member for head in document.heads)


def below(members: Iterable[Member]) -> Iterator[Member]:
    """Yield members and all members inside them, excluding bodies of blocks."""
    for member in members:
        yield member
        if isinstance(member, SequenceEntry):
            yield from below(member.members)
        elif isinstance(member, ForkEntry):
            for branch in member.branches:
                yield from below(branch.members)


class _Indexer:
    """Observes a planning, and records the name of each member on its first occurrence."""

    def __init__(self, document: SpecDocument) -> None:
        self.names: dict[str, int] = {}
        self.copies: dict[str, int] = {}
        self.around: dict[str, list[Member]] = {}
        self._unnamed: dict[int, int] = {}
        for position, member in enumerate(all_members(document)):
            self._unnamed.setdefault(id(member.node), position)
        self._positions = dict(self._unnamed)

    def on_member(self, member: Member, name: str, block: Block | None) -> None:
        """Record the name of a member of the file; bodies of blocks and unnamed forks are left out."""
        transparent = isinstance(member, ForkEntry) and not member.name
        if block is not None or transparent:
            return
        if id(member.node) in self._positions:
            self.copies[name] = self._positions[id(member.node)]
        position = self._unnamed.pop(id(member.node), None)
        if position is not None:
            self.names[name] = position

    def on_planned(self, member: Member, ops: Sequence[PlannedOp]) -> None:
        for op in ops:
            self.around.setdefault(op.name, []).append(member)
