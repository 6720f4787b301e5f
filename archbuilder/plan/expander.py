"""Templates unfolded: layers and blocks become ops with names, shapes and costs, and are checked on the way."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import ceil
from typing import Any

from archbuilder.errors import Location, Problems, did_you_mean
from archbuilder.plan.flow import Flow, Known, Producer, guess_shape
from archbuilder.plan.frame import Frame
from archbuilder.plan.plan import Chain, Fork, OpNode, Take, TreeNode
from archbuilder.plan.recorder import WORK_OF_MEMBER, WORK_OF_PARAMETER, Recorder
from archbuilder.plan.scope import Scope
from archbuilder.plan.widths import Widths
from archbuilder.primitives import MERGES, PRIMITIVES, ShapeError
from archbuilder.spec.blocks import Block, shipped_blocks
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.expression import Expression
from archbuilder.spec.grammar import LARGEST_REPEAT, Branch, ForkEntry, LayerEntry, Member, SequenceEntry
from archbuilder.spec.initialisation import OwnInit
from archbuilder.spec.nodes import Scalar, describe_value, plain
from archbuilder.spec.validation import Place, locator, validate

Planned = tuple[str, list[TreeNode], Flow]
"""A member planned: its name in the list, its nodes in the tree of names, and what leaves it."""


class Expander:
    """Unfolds the members of one spec.

    Attributes:
        ops: The ops so far, and the limits on them.
        widths: The searchable widths, their values, and the declared inputs.
        taps: What leaves each named place, by its full name.
        variables: What `$` names mean everywhere in the file.
        problems: What is wrong so far.
    """

    def __init__(self, document: SpecDocument, widths: Mapping[str, int]) -> None:
        self.problems = Problems()
        self.ops = Recorder(self.problems)
        self.widths = Widths(document, widths)
        self.taps: dict[str, Flow] = {}
        self.variables: dict[str, Any] = {}
        self._document = document
        self._depth = 0
        self._vectors: set[int] = set()  # those that something could not take, by the op that made them
        self._conv_defaults = document.header.conv.model_dump(exclude_none=True)

    # -- lists ---------------------------------------------------------------------------------------------------

    def members(
        self, members: list[Member], frame: Frame, flow: Flow, scope: Scope, *, numbered: bool = True, name: str = ""
    ) -> Iterator[tuple[Member, Planned]]:
        """Plan the members of a list one after the other.

        Args:
            members: The list.
            frame: Its surroundings.
            flow: What arrives.
            scope: The nearest named scope.
            numbered: Whether unnamed members are named by their position; otherwise by their type.
            name: The name of the list's one member, where a named branch has just that.
        """
        position = 0
        leaving: dict[str, Flow] = {"input": flow}
        for member in members:
            self.ops.work(frame, WORK_OF_MEMBER + member.work)
            if frame.block is None:
                frame = replace(frame, values={**frame.values, "in": flow.shape[0]})
            if member.when is not None and not frame.evaluate(member, "when", member.when, self.problems):
                continue
            times = self._times(member, frame)
            if times == 0:
                continue
            taking = replace(frame, layer=frame.layer or member.name or str(position))
            taken, flow = self._take(member, taking, flow, leaving, scope)
            for repetition, single in enumerate(self._repetitions(member, times, frame)):
                chosen = name or single.name or (str(position) if numbered else scope.free(word_of(single)))
                inside = replace(frame, layer=frame.layer or chosen, again=_again(frame, single, repetition))
                if times is not None and single.name:
                    nodes, flow = self._repeated(single, chosen, times, inside, flow, scope)
                else:
                    nodes, flow = self.member(single, chosen, inside, flow, scope)
                position += 1
                if single.name or not isinstance(single, ForkEntry):  # a fork without a name is no module either
                    leaving[chosen] = flow
                yield single, (chosen, [*taken, *nodes], flow)
                taken = []

    def _list(
        self, members: list[Member], frame: Frame, flow: Flow, scope: Scope, *, numbered: bool = True, name: str = ""
    ) -> tuple[tuple[TreeNode, ...], Flow]:
        nodes: list[TreeNode] = []
        for _, (_, more, after) in self.members(members, frame, flow, scope, numbered=numbered, name=name):
            nodes += more
            flow = after
        return tuple(nodes), flow

    def _take(
        self, member: Member, frame: Frame, flow: Flow, leaving: Mapping[str, Flow], scope: Scope
    ) -> tuple[list[TreeNode], Flow]:
        """Give what arrives at a member that says `from`, and the node that fetches it."""
        if not member.sources:
            return [], flow
        unknown = [name for name in member.sources if name not in leaving]
        for name in dict.fromkeys(unknown):
            message = f"no earlier member of this list is named {name!r}{did_you_mean(name, leaving)}"
            self.problems.append(frame.problem(member, "from", message))
        flows = tuple(leaving[name] for name in member.sources if name in leaving)
        if unknown or not flows:
            return [], flow.at_most(Known.NOTHING)
        if len(flows) == 1:
            return [Take(member.sources, None)], flows[0]
        joined = self._merge("concat", flows, member, frame, scope)
        return [Take(member.sources, self.ops.all[joined.index])], joined

    def _times(self, member: Member, frame: Frame) -> int | None:
        if member.repeat is None:
            return None
        value = frame.evaluate(member, "repeat", member.repeat, self.problems)
        if isinstance(value, int) and not isinstance(value, bool):
            times = ceil(value * self._document.header.depth) if frame.block is None else value
            if 0 <= times <= LARGEST_REPEAT:
                return times
        if value is not None:
            message = f"found {describe_value(value)}, expected how many times: 0 to {LARGEST_REPEAT:,}"
            self.problems.append(frame.problem(member, "repeat", message))
        return 1

    def _check_overrides(self, member: Member, times: int, frame: Frame) -> None:
        for position in member.overrides if isinstance(member, LayerEntry) else ():
            if not -times <= position < times:
                message = f"there is no repetition {position} of {times}: they count from 0, and from -1 backwards"
                self.problems.append(frame.problem(member, "overrides", message))

    def _repetitions(self, member: Member, times: int | None, frame: Frame) -> Iterator[Member]:
        """Give an unnamed member as often as it stands in the list; a named one is a scope of its own."""
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
        """Plan one member once; give its nodes in the tree of names, and what leaves it."""
        self._depth += 1
        self.ops.work(frame, WORK_OF_MEMBER + member.work)
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
        if frame.block is None:
            last = self.ops.all[-1] if len(self.ops.all) > first else None
            addends = tuple(shape[0] for shape in last.input_shapes) if last else ()
            flow = replace(flow, producer=Producer(scope.full(name), member.where, addends))
        if member.name or not isinstance(member, ForkEntry):
            self.taps[scope.full(name)] = flow
        self._depth -= 1
        return ([node] if node else []), flow

    def _claim(self, member: Member, name: str, frame: Frame, scope: Scope) -> None:
        noted = not scope.path and name in self._document.given_twice  # when the file was read
        if not scope.claim(name) and not noted:
            message = f"the name {scope.full(name)!r} is taken: names are unique under the nearest named layer"
            self.problems.append(frame.problem(member, "name", message))

    def _layer(
        self, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        flow = self._check_declared_input(entry, scope.full(name), frame, flow)
        frame = self._with_init(entry, frame)
        if entry.type in PRIMITIVES:
            return self._primitive(entry, name, frame, flow, scope)
        block = self._document.block(entry.type)
        if block is not None and block.broken:
            return None, flow.at_most(Known.NOTHING)
        if block is not None:
            return self._block(block, entry, name, frame, flow, scope)
        if entry.type:  # a layer without a type was noted when the file was read
            known = sorted({*PRIMITIVES, *shipped_blocks(), *self._document.blocks})
            near = did_you_mean(entry.type, known)
            notes = () if near else (f"known types are {', '.join(known)}",)
            self.problems.append(frame.problem(entry, "type", f"unknown layer type {entry.type!r}{near}", notes))
        return None, flow.at_most(Known.NOTHING)

    def _primitive(
        self, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        kind = PRIMITIVES[entry.type]
        op = self._arguments(kind, entry, frame, {}, None, scope.full(name))
        if op is None:
            return None, flow.at_most(Known.NOTHING)
        if frame.block is None:
            op = self.widths.multiplied(op, entry, kind.widths)
        parameters = macs = 0
        known = flow.known
        try:
            shape = op.output_shape(flow.shape)
        except ShapeError as error:
            if self._is_news(error, flow):
                notes: tuple[str, ...] = (flow.arithmetic(entry.node.source),) if error.key == "groups" else ()
                notes += (frame.hint,) if frame.hint and error.spatial else ()
                self.problems.append(frame.problem(entry, error.key, str(error), notes, flow.related))
            shape, known = guess_shape(op, flow.shape), min(known, Known.CHANNELS)
        else:
            parameters, macs = op.parameters(flow.shape), op.macs(flow.shape, shape)
        planned = self.ops.record(frame, scope.full(name), op, (flow,), shape, parameters, macs)
        return OpNode(name, planned), replace(flow, shape=shape, index=planned.index, known=known)

    def _is_news(self, error: ShapeError, flow: Flow) -> bool:
        """Tell whether an op's fault is no consequence of one that is noted already."""
        if error.spatial and len(flow.shape) == 1:  # one mistake, though every branch behind it takes a map
            known = flow.index in self._vectors
            self._vectors.add(flow.index)
            return flow.known is Known.ALL and not known
        return flow.known is Known.ALL or (flow.known is Known.CHANNELS and not error.spatial)

    def _block(
        self, block: Block, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        if block.name in frame.blocks:
            message = f"a block cannot stand in itself: {' -> '.join([*frame.blocks, block.name])}"
            self.problems.append(frame.problem(entry, "type", message))
            return None, flow.at_most(Known.NOTHING)
        self.ops.work(frame, WORK_OF_PARAMETER * len(block.parameters))
        defaults = self._conv_defaults if block.name == "conv" else {}
        arguments = self._arguments(block.arguments, entry, frame, defaults, block, scope.full(name))
        if arguments is None:
            return None, flow.at_most(Known.NOTHING)
        own = block.values(arguments)
        if frame.block is None:
            written = [key for key in block.widths if not isinstance(entry.values.get(key), Expression)]
            own |= {key: self.widths.scaled(own[key]) for key in written}
        if frame.block is not None and not frame.block.shipped:
            frame = replace(frame, path=entry.path, where=entry.where, used=frame.notes(entry))
        inner = replace(
            frame,
            again=frame.again or not entry.checks_input,
            values={**self.variables, "in": flow.shape[0], **own},
            origins={key: frame.blame(entry, key) for key in entry.values},
            block=block,
            blocks=(*frame.blocks, block.name),
        )
        members, after = self._list(block.body, inner, flow, scope.inner(name))
        return Chain(name, entry.type, members), after

    def _arguments(
        self,
        model: type[Any],
        entry: LayerEntry,
        frame: Frame,
        defaults: Mapping[str, Any],
        block: Block | None,
        full_name: str,
    ) -> Any:
        """Work out and validate the values of a layer's keys; None if they are at fault."""
        before = len(self.problems)
        values = {key: frame.evaluate(entry, key, value, self.problems) for key, value in entry.values.items()}
        if len(self.problems) > before:
            return None
        # A parameter that was left out and is handed on is left out here too.
        values = {k: v for k, v in values.items() if v is not None or not isinstance(entry.values[k], Expression)}
        if frame.block is None:
            self.widths.note_sites(full_name, entry, block, values)

        def locate(place: Place, at_key: bool) -> Location:
            return frame.blame(entry, str(place[0]) if place else "", at_key=at_key)[1]

        result = validate(model, {**defaults, **values}, entry.type, "", locate)
        if not isinstance(result, list):
            return result
        for problem in result:
            key, _, below = problem.path.partition(".")
            path = frame.blame(entry, key)[0] + (f".{below}" if below else "")
            notes = (*problem.notes, *_hint(entry.values.get(key), values.get(key), frame), *frame.notes(entry))
            self.problems.append(replace(problem, path=path, notes=notes))
        return None

    def _with_init(self, entry: LayerEntry, frame: Frame) -> Frame:
        node = entry.node.get("init")
        if node is None:
            return frame
        result = validate(OwnInit, {"init": plain(node)}, "a layer", entry.path, locator(entry.node))
        if isinstance(result, OwnInit):
            return replace(frame, init=result.init)
        notes = frame.notes(entry, "init")
        self.problems += [replace(problem, notes=(*problem.notes, *notes)) for problem in result]
        return frame

    # -- forks ---------------------------------------------------------------------------------------------------

    def _fork(
        self, entry: ForkEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        """Plan a fork: a named one is a scope, an unnamed one adds nothing to the names in it."""
        if entry.name:
            self._claim(entry, name, frame, scope)
        inner = scope.inner(name) if entry.name else scope
        planned = [
            self._branch(entry, branch, frame, flow, inner)
            for branch in entry.branches
            if not self._left_out(branch, frame)
        ]
        if not planned:
            if entry.branches:  # a fork without any was noted when the file was read
                message = "every branch is left out, by a width of 0 or a condition: nothing is left to merge"
                self.problems.append(frame.problem(entry, "", message))
            return None, flow.at_most(Known.NOTHING)
        joined = self._merge(entry.merge, tuple(leaving for _, leaving in planned), entry, frame, inner)
        fork = Fork(self.ops.all[joined.index], tuple(chain for chain, _ in planned))
        return (Chain(name, "", (fork,)) if entry.name else fork), joined

    def _merge(self, word: str, flows: tuple[Flow, ...], member: Member, frame: Frame, scope: Scope) -> Flow:
        merge = MERGES[word]()
        known = min(leaving.known for leaving in flows)
        try:
            shape = merge.output_shape([leaving.shape for leaving in flows])
        except ShapeError as error:
            if known is Known.ALL:
                self.problems.append(frame.problem(member, "", str(error)))
            known = min(known, Known.CHANNELS)
            channels = sum(leaving.shape[0] for leaving in flows) if word == "concat" else flows[0].shape[0]
            shape = (channels, *flows[0].shape[1:])
        name = scope.free(f"({word})")  # in brackets, as no layer can be called so
        scope.claim(name)
        planned = self.ops.record(frame, scope.full(name), merge, flows, shape)
        return replace(flows[0], shape=shape, index=planned.index, known=known)

    def _branch(self, fork: ForkEntry, branch: Branch, frame: Frame, flow: Flow, scope: Scope) -> tuple[Chain, Flow]:
        """Plan a branch: a named one of a single unnamed layer is that layer, of several a scope of its own."""
        members, name = branch.members, branch.name
        if name is None:
            nodes, leaving = self._list(members, frame, flow, scope, numbered=False)
        elif len(members) == 1 and isinstance(members[0], LayerEntry) and not (members[0].name or members[0].repeat):
            nodes, leaving = self._list(members, frame, flow, scope, name=name)
        else:
            self._claim(fork, name, frame, scope)
            nodes, leaving = self._list(members, frame, flow, scope.inner(name))
            self.taps[scope.full(name)] = leaving
            return Chain(name, "", nodes), leaving
        return Chain("", "", nodes), leaving

    def _left_out(self, branch: Branch, frame: Frame) -> bool:
        """Tell whether a branch vanishes: its condition does not hold, or a width in it is 0."""
        for entry in branch.members:
            self.ops.work(frame, WORK_OF_MEMBER + entry.work)
            if branch.when is not None and not frame.evaluate(entry, "when", branch.when, self.problems):
                return True
            if not isinstance(entry, LayerEntry):
                continue
            if entry.when is not None and not frame.evaluate(entry, "when", entry.when, self.problems):
                continue
            kind = PRIMITIVES.get(entry.type) or self._document.block(entry.type)
            for key in kind.widths if kind else ():
                value = entry.values.get(key)
                if value is not None and frame.evaluate(entry, key, value, self.problems) == 0:
                    return True
        return False

    # -- checks --------------------------------------------------------------------------------------------------

    def _check_declared_input(self, entry: LayerEntry, name: str, frame: Frame, flow: Flow) -> Flow:
        node = entry.node.get("in")
        if node is None or frame.again or not entry.checks_input:
            return flow
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(node, Scalar) or not isinstance(value, int) or isinstance(value, bool) or value < 1:
            message = "expected the number of channels that arrive; leave `in` out to have it derived"
            self.problems.append(frame.problem(entry, "in", message))
            return flow
        if flow.known is Known.NOTHING:  # what the file says is the best guess there is
            return replace(flow, shape=(value, *flow.shape[1:]), known=Known.CHANNELS)
        arriving = flow.shape[0]
        checked = self.widths.declare(name, entry, arriving)
        if value != arriving and checked and (len(flow.shape) == 3 or flow.known is Known.ALL):
            what = "channels" if len(flow.shape) == 3 else "features"
            message = f"declares {value} input {what}, but {arriving} arrive"
            note = flow.arithmetic(frame.blame(entry, "in")[1].source)
            self.problems.append(frame.problem(entry, "in", message, (note,), flow.related))
        return flow


def word_of(member: Member) -> str:
    """Give the word for what a member is: its type, its merge, or sequence."""
    if isinstance(member, LayerEntry):
        return member.type or "layer"
    return member.merge if isinstance(member, ForkEntry) else "sequence"


def _again(frame: Frame, member: Member, repetition: int) -> bool:
    """Tell whether what is in a member stood there before; a layer knows that of itself."""
    return frame.again or (repetition > 0 and not isinstance(member, LayerEntry))


def _at(member: Member, position: int, times: int) -> Member:
    """Give a repeated member as it is at one repetition."""
    if not isinstance(member, LayerEntry):
        return member
    override = member.overrides.get(position) or member.overrides.get(position - times)
    chosen = override or member
    own = override is not None and override.node.get("in") is not member.node.get("in")
    return chosen if position == 0 or own else replace(chosen, checks_input=False)  # `in` is what arrives at the first


def _hint(written: Any, value: Any, frame: Frame) -> tuple[str, ...]:
    """Say what a value that does not fit was probably meant to be."""
    if isinstance(written, str) and written in frame.values:
        return (f"the parameter is ${written}",)
    if isinstance(written, str) and written.isdigit():
        return ("a number has no quotes",)
    if isinstance(written, Expression) and isinstance(value, float):
        return ("// divides whole numbers, / gives a number with a point",)
    return ()
