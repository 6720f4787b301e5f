"""The members that a spec's file has, by the names that the plan gives them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archbuilder.errors import Problem, SpecError
from archbuilder.plan.expander import Expander
from archbuilder.plan.flow import Flow
from archbuilder.plan.frame import Frame
from archbuilder.plan.plan import DeclaredInput, Site, TreeNode
from archbuilder.plan.planner import Planner
from archbuilder.plan.recorder import TooLarge
from archbuilder.plan.scope import Scope
from archbuilder.plan.widths import Widths
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.grammar import ForkEntry, LayerEntry, Member, SequenceEntry


@dataclass(frozen=True, eq=False)
class MemberIndex:
    """The members of a spec's file by full name.

    Attributes:
        names: The position of each member, in the order of `all_members`, by its full name. One that is repeated has
            the name of its first copy, or the name that a copy would have; one that a condition takes out has none.
        copies: The same by every full name that a member has, those of all its repetitions included.
        around: By the name of each op, the members that contain it, innermost first, those of blocks' bodies
            included.
        sites: The searchable widths by name.
        declared: Every `in:`, with the actual input channels, whatever it says.
        problems: What is wrong with the spec but for its `in`.
    """

    names: dict[str, int]
    copies: dict[str, int]
    around: dict[str, list[Member]]
    sites: dict[str, Site]
    declared: list[DeclaredInput]
    problems: list[Problem]


def index_members(document: SpecDocument) -> MemberIndex:
    """Plan a spec to index its members by name; every `in:` follows the actual input."""
    expander = _IndexingExpander(document)
    try:
        Planner(document, expander).network()
    except (TooLarge, SpecError):  # the problems are noted
        assert expander.problems
    return MemberIndex(
        expander.names,
        expander.copies,
        expander.around,
        expander.widths.sites,
        expander.widths.declared,
        list(expander.problems),
    )


def all_members(document: SpecDocument) -> Iterator[Member]:
    """Return every member that the spec's file has, heads and what is in branches included, blocks left out."""
    yield from _below(document.layers)
    yield from _below(head.member for head in document.heads)


def _below(members: Iterable[Member]) -> Iterator[Member]:
    for member in members:
        yield member
        if isinstance(member, SequenceEntry):
            yield from _below(member.members)
        elif isinstance(member, ForkEntry):
            for branch in member.branches:
                yield from _below(branch.members)


class _IndexingExpander(Expander):
    """Expands a spec, and records the name of each member on its first occurrence."""

    def __init__(self, document: SpecDocument) -> None:
        super().__init__(document, {})
        self.widths = _FollowedWidths(document, {})
        self.names: dict[str, int] = {}
        self.copies: dict[str, int] = {}
        self.around: dict[str, list[Member]] = {}
        self._unnamed: dict[int, int] = {}
        for position, member in enumerate(all_members(document)):
            self._unnamed.setdefault(id(member.node), position)
        self._positions = dict(self._unnamed)

    def member(self, member: Member, name: str, frame: Frame, flow: Flow, scope: Scope) -> tuple[list[TreeNode], Flow]:
        self._note(member, name, frame, scope)
        first = len(self.ops.all)
        planned = super().member(member, name, frame, flow, scope)
        for op in self.ops.all[first:]:
            self.around.setdefault(op.name, []).append(member)
        return planned

    def _repeated(
        self, member: Member, name: str, times: int, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[list[TreeNode], Flow]:
        self._note(member, name, frame, scope)
        return super()._repeated(member, name, times, frame, flow, scope)

    def absent(self, member: Member, frame: Frame, scope: Scope) -> None:
        if member.name:
            self._note(member, member.name, frame, scope)

    def _note(self, member: Member, name: str, frame: Frame, scope: Scope) -> None:
        transparent = isinstance(member, ForkEntry) and not member.name
        if frame.block is not None or transparent:
            return
        if id(member.node) in self._positions:
            self.copies[scope.full(name)] = self._positions[id(member.node)]
        position = self._unnamed.pop(id(member.node), None)
        if position is not None:
            self.names[scope.full(name)] = position


class _FollowedWidths(Widths):
    """Sites of a spec whose every `in:` follows the actual input."""

    def declare(self, layer: str, entry: LayerEntry, channels: int) -> bool:
        super().declare(layer, entry, channels)
        return False
