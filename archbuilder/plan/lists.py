"""Expand lists of members, with `repeat`, `when` and `from`."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from archbuilder.errors import did_you_mean
from archbuilder.plan.flow import Flow, Known
from archbuilder.plan.frame import Frame
from archbuilder.plan.operations import Operations
from archbuilder.plan.plan import Chain, Take, TreeNode
from archbuilder.plan.planning import Planning
from archbuilder.plan.recorder import WORK_OF_MEMBER
from archbuilder.plan.repeats import check_overrides, repetitions, stood_before, times_of
from archbuilder.plan.scope import Scope
from archbuilder.spec.entries import ForkEntry, LayerEntry, Member
from archbuilder.spec.names import is_pattern, name_fault, numbered_name, pattern_fault

ExpandMember = Callable[[Member, str, Frame, Flow, Scope], tuple[list[TreeNode], Flow]]
"""Expands a member once: takes the member, its name in the scope, its surroundings, its input and the scope."""


BodyOf = Callable[[Member, str, Frame, Flow, Scope], tuple[list[Member], Frame] | None]
"""Returns the members of a sequence or of a block's body, and their frame; None if they are invalid."""


class PlannedMember(NamedTuple):
    """One member of a list, or one repetition of an unnamed one.

    Attributes:
        member: The member.
        name: Its name in the scope of the list.
        nodes: Its nodes in the tree of names.
        output: Its output.
    """

    member: Member
    name: str
    nodes: list[TreeNode]
    output: Flow


class ListExpander:
    """Expands lists of members."""

    def __init__(
        self, planning: Planning, operations: Operations, expand_member: ExpandMember, body_of: BodyOf
    ) -> None:
        """Start with nothing expanded.

        Args:
            planning: The state of the planning.
            operations: Adds ops.
            expand_member: Expands one member.
            body_of: Returns the members inside a spliced member.
        """
        self._planning = planning
        self._operations = operations
        self._expand_member = expand_member
        self._body_of = body_of

    def expand(
        self, members: list[Member], frame: Frame, flow: Flow, scope: Scope, *, numbered: bool = True, name: str = ""
    ) -> tuple[tuple[TreeNode, ...], Flow]:
        """Expand a list; return its nodes in the tree of names, and the output of its last member.

        The arguments are those of `members`.
        """
        nodes: list[TreeNode] = []
        for planned in self.members(members, frame, flow, scope, numbered=numbered, name=name):
            nodes += planned.nodes
            flow = planned.output
        return tuple(nodes), flow

    def members(
        self, members: list[Member], frame: Frame, flow: Flow, scope: Scope, *, numbered: bool = True, name: str = ""
    ) -> Iterator[PlannedMember]:
        """Expand the members of a list one after the other.

        Args:
            members: The list.
            frame: Its surroundings.
            flow: Its input.
            scope: The nearest named scope.
            numbered: Whether unnamed members are named by their position; otherwise by their type.
            name: The name of the only member, if the list is a named branch with one layer.
        """
        listing = _Listing(members, {"input": flow}, numbered, name)
        yield from self._members(members, frame.changed(earlier=listing.outputs), flow, scope, listing)

    def _members(
        self,
        members: list[Member],
        frame: Frame,
        flow: Flow,
        scope: Scope,
        listing: "_Listing",
        leading_nodes: Sequence[TreeNode] = (),
    ) -> Generator[PlannedMember, None, Flow]:
        """Expand members of a list, or of a member that is spliced into it; return the output of the last.

        Args:
            members: The members.
            frame: Their surroundings.
            flow: Their input.
            scope: The nearest named scope.
            listing: The list.
            leading_nodes: Nodes that fetch the input, for the first member.
        """
        planning = self._planning
        for written in members:
            member = self._with_computed_name(written, frame)
            planning.ops.work(frame, member, WORK_OF_MEMBER + member.work)
            if frame.block is None or member.names_its_input:
                frame = frame.with_input(flow.shape[0])
            exists = member.when is None or frame.holds(member, member.when, planning.diagnostics)
            if exists is None:  # if its existence is unknown, so is its output
                flow = flow.at_most(Known.NOTHING)
            if not exists:
                continue
            times = times_of(planning, member, frame)
            if times == 0:
                if member.name:
                    self._announce(member, member.name, frame, scope)
                continue
            input_frame = frame if frame.layer else frame.changed(layer=member.name or str(listing.position))
            input_nodes, flow = self._input_of(member, input_frame, flow, listing.outputs, scope, listing.members)
            input_nodes, leading_nodes = [*leading_nodes, *input_nodes], ()
            for single, single_frame in self._repetitions(member, times, frame):
                if single.splice:
                    flow = yield from self._splice(single, input_nodes, single_frame, flow, scope, listing)
                    input_nodes = []
                    continue
                name = listing.name or single.name or self._position(single, scope, listing)
                layer = frame.layer or name
                # Copying a frame is slow.
                member_frame = single_frame if layer == single_frame.layer else single_frame.changed(layer=layer)
                if times is not None and single.name and not is_pattern(member.name or ""):
                    nodes, flow = self._named_repeat(single, name, times, member_frame, flow, scope)
                else:
                    nodes, flow = self._expand_member(single, name, member_frame, flow, scope)
                listing.position += 1
                if single.name or not isinstance(single, ForkEntry):  # an unnamed fork has no name to refer to
                    listing.outputs[name] = flow
                yield PlannedMember(single, name, [*input_nodes, *nodes], flow)
                input_nodes = []
        return flow

    @staticmethod
    def _position(member: Member, scope: Scope, listing: "_Listing") -> str:
        """Return the name of an unnamed member: its position, or the first free one of its type."""
        return str(listing.position) if listing.numbered else scope.free(word_of(member))

    def _with_computed_name(self, member: Member, frame: Frame) -> Member:
        """Return a member with the value of its `$` name, if it has one; `nothing` leaves it unnamed."""
        if member.computed_name is None:
            return member
        diagnostics = self._planning.diagnostics
        value = frame.evaluate(member, "name", member.computed_name, diagnostics)
        if value is None:
            return member
        name = str(value)
        if (copy := member.copies.get(name)) is not None:
            return copy
        if fault := pattern_fault(name) if member.repeat is not None else name_fault(name):
            diagnostics.add(frame.problem(member, "name", fault))
            return member
        copy = member.copies[name] = replace(member, name=name)
        return copy

    def _splice(
        self, member: Member, input_nodes: list[TreeNode], frame: Frame, flow: Flow, scope: Scope, listing: "_Listing"
    ) -> Generator[PlannedMember, None, Flow]:
        """Expand the members of a spliced sequence or block as members of the surrounding list.

        Args:
            member: A sequence or a block.
            input_nodes: Nodes that fetch its input, for the first of its members.
            frame: Its surroundings.
            flow: Its input.
            scope: The nearest named scope.
            listing: The surrounding list.
        """
        name = member.name or str(listing.position)
        body = self._body_of(member, name, frame, flow, scope)
        if body is None:  # its output is unknown, so nothing is checked against it
            flow = flow.at_most(Known.NOTHING)
            yield PlannedMember(member, name, input_nodes, flow)
            return flow
        members, body_frame = body
        flow = yield from self._members(members, body_frame, flow, scope, listing, input_nodes)
        self._planning.taps[scope.full(name)] = flow
        return flow

    def _announce(self, member: Member, name: str, frame: Frame, scope: Scope) -> None:
        if self._planning.observer:
            self._planning.observer.on_member(member, scope.full(name), frame.block)

    def _input_of(
        self, member: Member, frame: Frame, flow: Flow, outputs: Mapping[str, Flow], scope: Scope, before: list[Member]
    ) -> tuple[list[TreeNode], Flow]:
        """Return the node that fetches the input of a member with `from`, and that input; else no node and `flow`."""
        if not member.sources:
            return [], flow
        unknown = [name for name in member.sources if name not in outputs]
        for name in dict.fromkeys(unknown):
            message = f"no earlier member of this list is named {name!r}{did_you_mean(name, outputs)}"
            if not any(earlier.lost_name in ("", name) for earlier in before):  # may be the one with an unreadable name
                self._planning.diagnostics.add(frame.problem(member, "from", message))
        flows = tuple(outputs[name] for name in member.sources if name in outputs)
        if unknown or not flows:
            return [], flow.at_most(Known.NOTHING)
        if len(flows) == 1:
            return [Take(member.sources, None)], flows[0]
        joined = self._operations.merge("concat", flows, member, frame, scope)
        return [Take(member.sources, self._planning.ops.all[joined.index])], joined

    def _repetitions(self, member: Member, times: int | None, frame: Frame) -> Iterator[tuple[Member, Frame]]:
        """Yield each repetition of a member with its frame; a named repeat is yielded as a whole, as it is a scope."""
        pattern = member.name if member.name and is_pattern(member.name) else None
        if times is None or (member.name and not pattern and not member.splice):
            yield member, frame
            return
        check_overrides(self._planning, member, times, frame)
        for position, single in enumerate(repetitions(member, times)):
            named = replace(single, name=numbered_name(pattern, position)) if pattern else single
            yield named, frame.at_repetition(position, again=stood_before(frame, single, position))

    def _named_repeat(
        self, member: Member, name: str, times: int, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[list[TreeNode], Flow]:
        """Expand a named member that is repeated: a sequence of that name."""
        self._announce(member, name, frame, scope)
        self._planning.claim(member, name, frame, scope)
        inner = scope.inner(name)
        self._planning.widths.share(member, scope.full(name))
        check_overrides(self._planning, member, times, frame)
        if isinstance(member, ForkEntry) and any(branch.earlier for branch in member.branches):
            message = (
                f"a named fork that takes earlier members cannot be repeated; write the repeat as name: {name}{{}}"
            )
            self._planning.diagnostics.add(frame.problem(member, "repeat", message))
        nodes: list[TreeNode] = []
        for position, repeated in enumerate(repetitions(member, times)):
            single = replace(repeated, name=str(position))
            repetition_frame = frame.at_repetition(position, again=stood_before(frame, single, position))
            more, flow = self._expand_member(single, str(position), repetition_frame, flow, inner)
            nodes += more
        self._planning.taps[scope.full(name)] = flow
        return [Chain(name, "", tuple(nodes), member=member)], flow


@dataclass
class _Listing:
    """The state of expanding a list, including the members that are spliced into it.

    Attributes:
        members: The members as they are written.
        outputs: The outputs by name; `input` is the input of the list.
        numbered: Whether unnamed members are named by their position; otherwise by their type.
        name: The name of the list's one member, if it has one from outside.
        position: The number of members so far.
    """

    members: list[Member]
    outputs: dict[str, Flow]
    numbered: bool
    name: str
    position: int = 0


def word_of(member: Member) -> str:
    """Return the type of a layer, the merge of a fork, or `sequence`."""
    if isinstance(member, LayerEntry):
        return member.type or "layer"
    return member.merge if isinstance(member, ForkEntry) else "sequence"
