"""Lists of members: one after the other, repeated, or fed by earlier ones with `from`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
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
from archbuilder.spec.grammar import ForkEntry, LayerEntry, Member

ExpandMember = Callable[[Member, str, Frame, Flow, Scope], tuple[list[TreeNode], Flow]]
"""Expands a member once: takes the member, its name in the scope, its surroundings, its input and the scope."""


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

    def __init__(self, planning: Planning, operations: Operations, expand_member: ExpandMember) -> None:
        """Start with nothing expanded.

        Args:
            planning: The state of the planning.
            operations: Adds ops.
            expand_member: Expands one member.
        """
        self._planning = planning
        self._operations = operations
        self._expand_member = expand_member

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
            name: The name of the list's one member, where a named branch has just that.
        """
        planning = self._planning
        position = 0
        outputs: dict[str, Flow] = {"input": flow}
        for member in members:
            planning.ops.work(frame, member, WORK_OF_MEMBER + member.work)
            if frame.block is None:
                frame = replace(frame, values={**frame.values, "in": flow.shape[0]})
            exists = member.when is None or frame.holds(member, member.when, planning.diagnostics)
            if exists is None:  # whether it stands there is not known, and so the input behind it is not either
                flow = flow.at_most(Known.NOTHING)
            if not exists:
                continue
            times = times_of(planning, member, frame)
            if times == 0:
                if member.name:
                    self._announce(member, member.name, frame, scope)
                continue
            taking = frame if frame.layer else replace(frame, layer=member.name or str(position))
            taken, flow = self._take(member, taking, flow, outputs, scope, members)
            for repetition, single in enumerate(self._repetitions(member, times, frame)):
                chosen = name or single.name or (str(position) if numbered else scope.free(word_of(single)))
                layer, again = frame.layer or chosen, stood_before(frame, single, repetition)
                same = layer == frame.layer and again == frame.again  # to copy a frame is what takes the time
                inside = frame if same else replace(frame, layer=layer, again=again)
                if times is not None and single.name:
                    nodes, flow = self._named_repeat(single, chosen, times, inside, flow, scope)
                else:
                    nodes, flow = self._expand_member(single, chosen, inside, flow, scope)
                position += 1
                if single.name or not isinstance(single, ForkEntry):  # a fork without a name is no module either
                    outputs[chosen] = flow
                yield PlannedMember(single, chosen, [*taken, *nodes], flow)
                taken = []

    def _announce(self, member: Member, name: str, frame: Frame, scope: Scope) -> None:
        if self._planning.observer:
            self._planning.observer.on_member(member, scope.full(name), frame.block)

    def _take(
        self, member: Member, frame: Frame, flow: Flow, outputs: Mapping[str, Flow], scope: Scope, before: list[Member]
    ) -> tuple[list[TreeNode], Flow]:
        """Return the input of a member that says `from`, and the node that fetches it."""
        if not member.sources:
            return [], flow
        unknown = [name for name in member.sources if name not in outputs]
        for name in dict.fromkeys(unknown):
            message = f"no earlier member of this list is named {name!r}{did_you_mean(name, outputs)}"
            if not any(earlier.lost_name in ("", name) for earlier in before):  # it may be one that cannot be read
                self._planning.diagnostics.add(frame.problem(member, "from", message))
        flows = tuple(outputs[name] for name in member.sources if name in outputs)
        if unknown or not flows:
            return [], flow.at_most(Known.NOTHING)
        if len(flows) == 1:
            return [Take(member.sources, None)], flows[0]
        joined = self._operations.merge("concat", flows, member, frame, scope)
        return [Take(member.sources, self._planning.ops.all[joined.index])], joined

    def _repetitions(self, member: Member, times: int | None, frame: Frame) -> Iterator[Member]:
        """Yield the repetitions of an unnamed member; a named one is a scope of its own."""
        if times is None or member.name:
            yield member
            return
        check_overrides(self._planning, member, times, frame)
        yield from repetitions(member, times)

    def _named_repeat(
        self, member: Member, name: str, times: int, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[list[TreeNode], Flow]:
        """Expand a named member that is repeated: a sequence of that name."""
        self._announce(member, name, frame, scope)
        self._planning.claim(member, name, frame, scope)
        inner = scope.inner(name)
        self._planning.widths.share(member, scope.full(name))
        check_overrides(self._planning, member, times, frame)
        nodes: list[TreeNode] = []
        for position, repeated in enumerate(repetitions(member, times)):
            single = replace(repeated, name=str(position))
            again = replace(frame, again=stood_before(frame, single, position))
            more, flow = self._expand_member(single, str(position), again, flow, inner)
            nodes += more
        self._planning.taps[scope.full(name)] = flow
        return [Chain(name, "", tuple(nodes))], flow


def word_of(member: Member) -> str:
    """Return the word for what a member is: its type, its merge, or sequence."""
    if isinstance(member, LayerEntry):
        return member.type or "layer"
    return member.merge if isinstance(member, ForkEntry) else "sequence"
