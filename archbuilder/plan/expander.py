"""Expand members to ops with names, shapes and costs: lists, sequences, forks, blocks and primitives."""

from collections.abc import Iterator

from archbuilder.plan.flow import Flow, Producer
from archbuilder.plan.forks import ForkExpander
from archbuilder.plan.frame import Frame
from archbuilder.plan.layers import LayerExpander
from archbuilder.plan.lists import ListExpander, PlannedMember
from archbuilder.plan.operations import Operations
from archbuilder.plan.plan import Chain, TreeNode
from archbuilder.plan.planning import Planning
from archbuilder.plan.recorder import WORK_OF_MEMBER
from archbuilder.plan.scope import Scope
from archbuilder.primitives import MERGES
from archbuilder.spec.entries import ForkEntry, LayerEntry, Member, SequenceEntry


class Expander:
    """Expands the members of one spec, each kind with an expander of its own."""

    def __init__(self, planning: Planning) -> None:
        """Start with nothing expanded."""
        self._planning = planning
        self._depth = 0
        operations = Operations(planning)
        self._lists = ListExpander(planning, operations, self.member, self._body)
        self._forks = ForkExpander(planning, operations, self._lists)
        self._layers = LayerExpander(planning, operations, self._lists)

    def members(self, members: list[Member], frame: Frame, flow: Flow, scope: Scope) -> Iterator[PlannedMember]:
        """Expand the members of a list one after the other; unnamed ones are named by their position."""
        return self._lists.members(members, frame, flow, scope)

    def member(self, member: Member, name: str, frame: Frame, flow: Flow, scope: Scope) -> tuple[list[TreeNode], Flow]:
        """Expand one member once.

        Args:
            member: The member.
            name: Its name in the scope.
            frame: Its surroundings.
            flow: Its input.
            scope: The nearest named scope.

        Returns:
            Its nodes in the tree of names, and its output.

        Raises:
            PlanningEnded: The network is too large, or has too many problems.
        """
        ops, observer, full_name = self._planning.ops, self._planning.observer, scope.full(name)
        if observer:
            observer.on_member(member, full_name, frame.block)
        self._depth += 1
        ops.work(frame, member, WORK_OF_MEMBER + member.work)
        ops.nest(frame, self._depth, full_name)
        if frame.block is None:
            where = frame.where if frame.hint else member.where
            frame = frame.changed(path=member.path, where=where, values=frame.values_with_input(flow.shape[0]))
        elif member.names_its_input:
            frame = frame.with_input(flow.shape[0])
        first = len(ops.all)
        node, flow = self._node(member, name, frame, flow, scope)
        is_named = bool(member.name) or not isinstance(member, ForkEntry)
        if is_named and len(ops.all) > first:
            is_concat = isinstance(ops.all[flow.index].op, MERGES["concat"])
            addends = flow.producer.addends if is_concat else ()
            flow = Flow(flow.shape, flow.index, Producer(full_name, frame.blame(member, "")[1], addends), flow.known)
        if is_named:
            self._planning.taps[full_name] = flow
        self._depth -= 1
        if observer:
            observer.on_planned(member, ops.all[first:])
        return ([node] if node else []), flow

    def _body(
        self, member: Member, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[list[Member], Frame] | None:
        """Return the members of a spliced sequence or block, and their frame; None if the block is invalid."""
        if isinstance(member, SequenceEntry):
            return member.members, frame
        assert isinstance(member, LayerEntry)
        if frame.block is None:
            frame = frame.changed(path=member.path, where=member.where)
        return self._layers.body(member, name, frame, flow, scope)

    def _node(self, member: Member, name: str, frame: Frame, flow: Flow, scope: Scope) -> tuple[TreeNode | None, Flow]:
        """Expand a member by its kind; return its node in the tree of names, if it has one, and its output."""
        if isinstance(member, ForkEntry):
            return self._forks.expand(member, name, frame, flow, scope)
        self._planning.claim(member, name, frame, scope)
        if isinstance(member, LayerEntry):
            return self._layers.expand(member, name, frame, flow, scope)
        assert isinstance(member, SequenceEntry)
        members, flow = self._lists.expand(member.members, frame, flow, scope.inner(name))
        return Chain(name, "", members, member=member), flow
