"""Templates unfolded: lists, sequences, repetitions and forks become ops with names, shapes and costs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from archbuilder.errors import did_you_mean
from archbuilder.plan.flow import Flow, Known, Producer
from archbuilder.plan.frame import Frame
from archbuilder.plan.layers import LayerExpander
from archbuilder.plan.multipliers import multiplied_repeat
from archbuilder.plan.plan import Chain, Fork, Take, TreeNode
from archbuilder.plan.recorder import WORK_OF_MEMBER
from archbuilder.plan.scope import Scope
from archbuilder.plan.symbols import Symbol, fixed
from archbuilder.primitives import MERGES, PRIMITIVES, ShapeError
from archbuilder.spec.grammar import LARGEST_REPEAT, BranchEntry, ForkEntry, LayerEntry, Member, SequenceEntry
from archbuilder.spec.nodes import describe_value

Planned = tuple[str, list[TreeNode], Flow]
"""A member planned: its name in the list, its nodes in the tree of names, and its output."""


class Expander(LayerExpander):
    """Unfolds the members of one spec: lists, sequences, repetitions and forks of layers."""

    # -- lists ---------------------------------------------------------------------------------------------------

    def members(
        self, members: list[Member], frame: Frame, flow: Flow, scope: Scope, *, numbered: bool = True, name: str = ""
    ) -> Iterator[tuple[Member, Planned]]:
        """Plan the members of a list one after the other.

        Args:
            members: The list.
            frame: Its surroundings.
            flow: The input.
            scope: The nearest named scope.
            numbered: Whether unnamed members are named by their position; otherwise by their type.
            name: The name of the list's one member, where a named branch has just that.
        """
        position = 0
        outputs: dict[str, Flow] = {"input": flow}
        for member in members:
            self.ops.work(frame, member, WORK_OF_MEMBER + member.work)
            if frame.block is None:
                frame = replace(frame, values={**frame.values, "in": flow.shape[0]})
            exists = member.when is None or frame.holds(member, member.when, self.problems)
            if exists is None:  # whether it stands there is not known, and so the input behind it is not either
                flow = flow.at_most(Known.NOTHING)
            if not exists:
                continue
            times = self._times(member, frame)
            if times == 0:
                self.absent(member, frame, scope)
                continue
            taking = frame if frame.layer else replace(frame, layer=member.name or str(position))
            taken, flow = self._take(member, taking, flow, outputs, scope, members)
            for repetition, single in enumerate(self._repetitions(member, times, frame)):
                chosen = name or single.name or (str(position) if numbered else scope.free(word_of(single)))
                layer, again = frame.layer or chosen, _again(frame, single, repetition)
                same = layer == frame.layer and again == frame.again  # to copy a frame is what takes the time
                inside = frame if same else replace(frame, layer=layer, again=again)
                if times is not None and single.name:
                    nodes, flow = self._repeated(single, chosen, times, inside, flow, scope)
                else:
                    nodes, flow = self.member(single, chosen, inside, flow, scope)
                position += 1
                if single.name or not isinstance(single, ForkEntry):  # a fork without a name is no module either
                    outputs[chosen] = flow
                yield single, (chosen, [*taken, *nodes], flow)
                taken = []

    def absent(self, member: Member, frame: Frame, scope: Scope) -> None:
        """Skip a member that a repeat of 0 removes."""

    def _list(
        self, members: list[Member], frame: Frame, flow: Flow, scope: Scope, *, numbered: bool = True, name: str = ""
    ) -> tuple[tuple[TreeNode, ...], Flow]:
        nodes: list[TreeNode] = []
        for _, (_, more, after) in self.members(members, frame, flow, scope, numbered=numbered, name=name):
            nodes += more
            flow = after
        return tuple(nodes), flow

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
                self.problems.append(frame.problem(member, "from", message))
        flows = tuple(outputs[name] for name in member.sources if name in outputs)
        if unknown or not flows:
            return [], flow.at_most(Known.NOTHING)
        if len(flows) == 1:
            return [Take(member.sources, None)], flows[0]
        joined = self._merge("concat", flows, member, frame, scope)
        return [Take(member.sources, self.ops.all[joined.index])], joined

    def _times(self, member: Member, frame: Frame) -> int | None:
        if member.repeat is None:
            return None
        value = fixed(frame.evaluate(member, "repeat", member.repeat, self.problems))
        if isinstance(value, int) and not isinstance(value, bool):
            times = multiplied_repeat(value, self._document.header.depth) if frame.block is None else value
            if 0 <= times <= LARGEST_REPEAT:
                return times
        if value is not None:
            message = f"found {describe_value(value)}, expected a number of repetitions: 0 to {LARGEST_REPEAT:,}"
            self.problems.append(frame.problem(member, "repeat", message))
        return 1

    def _check_overrides(self, member: Member, times: int, frame: Frame) -> None:
        positions = member.overrides if isinstance(member, LayerEntry) else ()
        if wrong := [position for position in positions if not -times <= position < times]:
            depth = self._document.header.depth
            notes = (
                (f"depth: {depth} changes the repeat from {member.repeat} to {times}",)
                if isinstance(member.repeat, int) and member.repeat != times
                else ()
            )
            said = " or ".join(map(str, wrong))
            message = f"there is no repetition {said} of {times}: they are counted from 0, or backwards from -1"
            self.problems.append(frame.problem(member, "overrides", message, notes))

    def _repetitions(self, member: Member, times: int | None, frame: Frame) -> Iterator[Member]:
        """Yield the repetitions of an unnamed member; a named one is a scope of its own."""
        if times is None or member.name:
            yield member
            return
        self._check_overrides(member, times, frame)
        for position in range(times):
            yield _at(member, position, times)

    def _repeated(
        self, member: Member, name: str, times: int, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[list[TreeNode], Flow]:
        """Plan a named member that is repeated: a sequence of that name."""
        self._claim(member, name, frame, scope)
        inner = scope.inner(name)
        self.widths.share(member, scope.full(name))
        self._check_overrides(member, times, frame)
        nodes: list[TreeNode] = []
        for position in range(times):
            single = replace(_at(member, position, times), name=str(position))
            again = replace(frame, again=_again(frame, single, position))
            more, flow = self.member(single, str(position), again, flow, inner)
            nodes += more
        self.taps[scope.full(name)] = flow
        return [Chain(name, "", tuple(nodes))], flow

    # -- members -------------------------------------------------------------------------------------------------

    def member(self, member: Member, name: str, frame: Frame, flow: Flow, scope: Scope) -> tuple[list[TreeNode], Flow]:
        """Plan one member once; return its nodes in the tree of names, and its output."""
        self._depth += 1
        self.ops.work(frame, member, WORK_OF_MEMBER + member.work)
        self.ops.nest(frame, self._depth, scope.full(name))
        if frame.block is None:
            where = frame.where if frame.hint else member.where
            values = {**frame.values, "in": flow.shape[0]}
            frame = replace(frame, path=member.path, where=where, values=values)
        first = len(self.ops.all)
        node: TreeNode | None
        if isinstance(member, LayerEntry):
            self._claim(member, name, frame, scope)
            node, flow = self._layer(member, name, frame, flow, scope)
        elif isinstance(member, SequenceEntry):
            self._claim(member, name, frame, scope)
            members, flow = self._list(member.members, frame, flow, scope.inner(name))
            node = Chain(name, "", members)
        else:
            assert isinstance(member, ForkEntry)
            node, flow = self._fork(member, name, frame, flow, scope)
        if len(self.ops.all) > first and (member.name or not isinstance(member, ForkEntry)):
            merged = isinstance(self.ops.all[flow.index].op, MERGES["concat"])
            addends = flow.producer.addends if merged else ()
            flow = replace(flow, producer=Producer(scope.full(name), frame.blame(member, "")[1], addends))
        if member.name or not isinstance(member, ForkEntry):
            self.taps[scope.full(name)] = flow
        self._depth -= 1
        return ([node] if node else []), flow

    def _claim(self, member: Member, name: str, frame: Frame, scope: Scope) -> None:
        noted = not scope.path and name in self._document.given_twice  # when the file was read
        if not scope.claim(name) and not noted:
            message = f"the name {scope.full(name)!r} is already used: names are unique within the nearest named layer"
            self.problems.append(frame.problem(member, "name", message))

    # -- forks ---------------------------------------------------------------------------------------------------

    def _fork(
        self, entry: ForkEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        """Plan a fork: a named one is a scope, an unnamed one adds nothing to the names in it."""
        if entry.name:
            self._claim(entry, name, frame, scope)
        inner = scope.inner(name) if entry.name else scope
        before = len(self.problems)
        present = [(branch, self._presence(branch, frame)) for branch in entry.branches]
        unsure = len(self.problems) > before  # a condition that cannot be computed
        present = [(branch, exists) for branch, exists in present if exists is not None]
        planned = [self._branch(entry, branch, frame, flow, inner, exists) for branch, exists in present]
        if unsure:
            planned = [(chain, output.at_most(Known.NOTHING)) for chain, output in planned]
        if not planned and unsure:
            return None, flow.at_most(Known.NOTHING)
        if not planned:
            if entry.branches:  # a fork without any was noted when the file was read
                message = "every branch is removed by a width of 0 or a condition: there is nothing to merge"
                self.problems.append(frame.problem(entry, "", message))
            return None, flow.at_most(Known.NOTHING)
        names = tuple(branch.name for branch, _ in present if branch.name)
        joined = self._merge(entry.merge, tuple(output for _, output in planned), entry, frame, inner, names)
        if isinstance(joined.shape[0], Symbol):
            bool(joined.shape[0])  # of what is traced, one branch at least must be left
        fork = Fork(self.ops.all[joined.index], tuple(chain for chain, _ in planned))
        return (Chain(name, "", (fork,)) if entry.name else fork), joined

    def _merge(
        self,
        word: str,
        flows: tuple[Flow, ...],
        member: Member,
        frame: Frame,
        scope: Scope,
        names: tuple[str, ...] = (),
    ) -> Flow:
        merge = MERGES[word]()
        known = min(each.known for each in flows)
        try:
            shape = merge.output_shape([each.shape for each in flows], names)
        except ShapeError as error:
            if known is Known.ALL:
                self.problems.append(frame.problem(member, "", str(error), self.widths.notes))
            known = min(known, Known.CHANNELS)
            channels = sum(each.shape[0] for each in flows) if word == "concat" else flows[0].shape[0]
            shape = (channels, *flows[0].shape[1:])
        name = scope.free(f"({word})")  # in brackets, as no layer can be called so
        scope.claim(name)
        planned = self.ops.record(frame, scope.full(name), merge, flows, shape)
        addends = tuple(each.shape[0] for each in flows) if word == "concat" else ()
        made = Producer(f"the {word}", frame.blame(member, "")[1], addends)
        return Flow(shape, planned.index, made, known)

    def _branch(
        self, fork: ForkEntry, branch: BranchEntry, frame: Frame, flow: Flow, scope: Scope, present: Any
    ) -> tuple[Chain, Flow]:
        """Plan a branch: a named one of a single unnamed layer is that layer, of several a scope of its own."""
        if isinstance(present, Symbol):
            frame = replace(frame, present=frame.present * present)
            flow = replace(flow, shape=(flow.shape[0] * present, *flow.shape[1:]))
        members, name = branch.members, branch.name
        if name is None:
            nodes, output = self._list(members, frame, flow, scope, numbered=False)
        elif len(members) == 1 and isinstance(members[0], LayerEntry) and not (members[0].name or members[0].repeat):
            nodes, output = self._list(members, frame, flow, scope, name=name)
        else:
            self._claim(fork, name, frame, scope)
            nodes, output = self._list(members, frame, flow, scope.inner(name))
            self.taps[scope.full(name)] = output
            return Chain(name, "", nodes), output
        return Chain("", "", nodes), output

    def _presence(self, branch: BranchEntry, frame: Frame) -> Any:
        """Return whether a branch vanishes, as its condition does not hold or a width in it is 0: None if so, else 1.

        Of what is traced, give the symbol that is 1 where none of the widths is 0.
        """
        present: Any = 1
        for entry in branch.members:
            self.ops.work(frame, entry, WORK_OF_MEMBER + entry.work)
            if branch.when is not None and not frame.evaluate(entry, "when", branch.when, self.problems):
                return None
            if not isinstance(entry, LayerEntry):
                continue
            if entry.when is not None and not frame.evaluate(entry, "when", entry.when, self.problems):
                continue
            kind = PRIMITIVES.get(entry.type) or self._document.block(entry.type)
            for key in kind.widths if kind else ():
                value = entry.values.get(key)
                width = None if value is None else frame.evaluate(entry, key, value, self.problems)
                if isinstance(width, Symbol) and width.value:
                    present *= width.present()
                elif width is not None and width == 0:
                    return None
        return present


def word_of(member: Member) -> str:
    """Return the word for what a member is: its type, its merge, or sequence."""
    if isinstance(member, LayerEntry):
        return member.type or "layer"
    return member.merge if isinstance(member, ForkEntry) else "sequence"


def _again(frame: Frame, member: Member, repetition: int) -> bool:
    """Return whether what is in a member stood there before; a layer knows that of itself."""
    return frame.again or (repetition > 0 and not isinstance(member, LayerEntry))


def _at(member: Member, position: int, times: int) -> Member:
    """Return a repeated member as it is at one repetition."""
    if not isinstance(member, LayerEntry):
        return member
    override = member.overrides.get(position) or member.overrides.get(position - times)
    chosen = override or member
    own = override is not None and override.node.get("in") is not member.node.get("in")
    return chosen if position == 0 or own else replace(chosen, checks_input=False)  # `in` is the input of the first
