"""Templates unfolded: layers and blocks become ops with names, shapes and costs, and are checked on the way."""

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

from archbuilder.errors import Location, Problem, did_you_mean
from archbuilder.plan.flow import Flow, Known, guess_shape
from archbuilder.plan.frame import Frame
from archbuilder.plan.plan import Chain, Fork, OpNode, PlannedOp, Site, TreeNode
from archbuilder.primitives import MERGES, PRIMITIVES, Merge, Primitive, Shape, ShapeError, shape_text
from archbuilder.spec.blocks import Block, shipped_block, shipped_blocks
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.grammar import Branch, ForkEntry, LayerEntry, Member
from archbuilder.spec.nodes import Scalar
from archbuilder.spec.validation import Place, validate

LARGEST_PARAMETERS = 10**12
LARGEST_ACTIVATION = 10**12


class Scope:
    """The nearest named scope: the prefix of the names in it, and those it has given away."""

    def __init__(self, path: str = "") -> None:
        self.path = path
        self._taken: set[str] = set()

    def full(self, name: str) -> str:
        """Give a name with its prefix."""
        return f"{self.path}.{name}" if self.path else name

    def claim(self, name: str) -> bool:
        """Take a name; tell whether it was free."""
        free = name not in self._taken
        self._taken.add(name)
        return free

    def free(self, word: str) -> str:
        """Give the first free one of `word`, `word_2`, `word_3` and so on."""
        name, count = word, 1
        while name in self._taken:
            count += 1
            name = f"{word}_{count}"
        return name


class Expander:
    """Unfolds the layers of one spec.

    Attributes:
        ops: The ops so far.
        sites: The searchable widths so far.
        declared_inputs: Every `in:` of the file so far, with the channels that arrive there.
        problems: What is wrong so far.
    """

    def __init__(self, spec: SpecDocument, widths: Mapping[str, int]) -> None:
        self.ops: list[PlannedOp] = []
        self.sites: dict[str, Site] = {}
        self.declared_inputs: list[tuple[Scalar, int]] = []
        self.problems: list[Problem] = []
        self._widths = widths
        self._conv_defaults = spec.header.conv.model_dump(exclude_none=True)
        self._parameters = 0
        self._too_large = False

    # -- layers --------------------------------------------------------------------------------------------------

    def layer(
        self, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[Chain | OpNode, Flow]:
        """Plan one layer; give its place in the tree of names, and what leaves it."""
        if not scope.claim(name) and frame.block is not None:
            self.problems.append(frame.problem(entry, "name", f"the name {scope.full(name)!r} is taken"))
        flow = self._check_declared_input(entry, frame, flow)
        if entry.type in PRIMITIVES:
            return self._primitive(entry, name, frame, flow, scope)
        block = shipped_block(entry.type)
        if block is None:
            if entry.type:  # a layer without a type was noted when the file was read
                known = sorted({*PRIMITIVES, *shipped_blocks()})
                message = f"unknown layer type {entry.type!r}{did_you_mean(entry.type, known)}"
                self.problems.append(frame.problem(entry, "type", message, (f"known types are {', '.join(known)}",)))
            return Chain(name, entry.type, ()), flow.at_most(Known.NOTHING)
        return self._block(block, entry, name, frame, flow, scope)

    def _primitive(
        self, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[Chain | OpNode, Flow]:
        kind = PRIMITIVES[entry.type]
        op = self._arguments(kind, entry, frame, {}, kind.widths)
        if op is None:
            return Chain(name, entry.type, ()), flow.at_most(Known.NOTHING)
        parameters = macs = 0
        known = flow.known
        try:
            shape = op.output_shape(flow.shape)
        except ShapeError as error:
            if flow.known is Known.ALL or (flow.known is Known.CHANNELS and not error.spatial):
                notes = (flow.arithmetic(),) if error.key == "groups" else ()
                self.problems.append(frame.problem(entry, error.key, str(error), notes, flow.related))
            shape, known = guess_shape(op, flow.shape), min(known, Known.CHANNELS)
        else:
            parameters, macs = op.parameters(flow.shape), op.macs(flow.shape, shape)
        index = self._record(frame, scope.full(name), op, (flow,), shape, parameters, macs)
        return OpNode(name, self.ops[index]), replace(flow, shape=shape, index=index, known=known)

    def _block(
        self, block: Block, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[Chain, Flow]:
        defaults = self._conv_defaults if block.name == "conv" else {}
        arguments = self._arguments(block.arguments, entry, frame, defaults, block.widths)
        if arguments is None:
            return Chain(name, entry.type, ()), flow.at_most(Known.NOTHING)
        values = {"classes": frame.values["classes"], "in": flow.shape[0], **block.values(arguments)}
        origins = {key: frame.blame(entry, key) for key in entry.values}
        inner = replace(frame, values=values, origins=origins, block=block)
        members, after = self._members(block.body, inner, flow, Scope(scope.full(name)), numbered=True)
        return Chain(name, entry.type, tuple(members)), after

    def _arguments(
        self, model: type[Any], entry: LayerEntry, frame: Frame, defaults: Mapping[str, Any], widths: tuple[str, ...]
    ) -> Any:
        """Work out and validate the values of a layer's keys; None if they are at fault."""
        before = len(self.problems)
        values = {key: frame.evaluate(entry, key, value, self.problems) for key, value in entry.values.items()}
        if len(self.problems) > before:
            return None
        if frame.block is None:
            for key in widths:
                self._site(f"{frame.layer}.{key}", entry, key, values)

        def locate(place: Place, at_key: bool) -> Location:
            return frame.blame(entry, str(place[0]) if place else "", at_key=at_key)[1]

        result = validate(model, {**defaults, **values}, entry.type, frame.path, locate)
        if isinstance(result, list):
            note = frame.notes(entry)
            self.problems += [replace(problem, notes=(*problem.notes, *note)) for problem in result]
            return None
        return result

    def _site(self, name: str, entry: LayerEntry, key: str, values: dict[str, Any]) -> None:
        node = entry.node.get(key)
        if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
            values[key] = self._widths.get(name, node.value)
            self.sites[name] = Site(name, values[key], node)

    # -- lists and forks -----------------------------------------------------------------------------------------

    def _members(
        self, members: list[Member], frame: Frame, flow: Flow, scope: Scope, *, numbered: bool, only_name: str = ""
    ) -> tuple[list[TreeNode], Flow]:
        """Plan a list.

        Args:
            members: The list.
            frame: Its surroundings.
            flow: What arrives.
            scope: The nearest named scope.
            numbered: Whether unnamed layers are named by their position; otherwise by their type.
            only_name: The name of the list's one layer, where a named branch has just that.
        """
        nodes: list[TreeNode] = []
        for entry in members:
            node: TreeNode | None
            if isinstance(entry, ForkEntry):
                node, flow = self._fork(entry, frame, flow, scope)
            elif entry.when is not None and not frame.evaluate(entry, "when", entry.when, self.problems):
                continue
            else:
                name = only_name or entry.name or (str(len(nodes)) if numbered else scope.free(entry.type))
                node, flow = self.layer(entry, name, frame, flow, scope)
            if node is not None:
                nodes.append(node)
        return nodes, flow

    def _fork(self, entry: ForkEntry, frame: Frame, flow: Flow, scope: Scope) -> tuple[Fork | None, Flow]:
        planned = [
            self._branch(branch, frame, flow, scope)
            for branch in entry.branches
            if not self._left_out(branch.members, frame)
        ]
        note = frame.notes(entry)
        if not planned:
            message = "every branch has a width of 0: nothing is left to merge"
            self.problems.append(Problem(message, frame.where, frame.path, note))
            return None, flow.at_most(Known.NOTHING)
        merge = MERGES[entry.merge]()
        flows = tuple(leaving for _, leaving in planned)
        known = min(leaving.known for leaving in flows)
        try:
            shape = merge.output_shape([leaving.shape for leaving in flows])
        except ShapeError as error:
            if known is Known.ALL:
                self.problems.append(Problem(str(error), frame.where, frame.path, note))
            known = min(known, Known.CHANNELS)
            shape = (sum(leaving.shape[0] for leaving in flows), *flows[0].shape[1:])
        index = self._record(frame, scope.full(scope.free(entry.merge)), merge, flows, shape)
        fork = Fork(self.ops[index], tuple(chain for chain, _ in planned))
        return fork, replace(flow, shape=shape, index=index, known=known)

    def _branch(self, branch: Branch, frame: Frame, flow: Flow, scope: Scope) -> tuple[Chain, Flow]:
        """Plan a branch: a named one of a single unnamed layer is that layer, of several a scope of its own."""
        members, name = branch.members, branch.name
        if name is None:
            nodes, leaving = self._members(members, frame, flow, scope, numbered=False)
        elif len(members) == 1 and isinstance(members[0], LayerEntry) and not members[0].name:
            nodes, leaving = self._members(members, frame, flow, scope, numbered=True, only_name=name)
        else:
            scope.claim(name)
            nodes, leaving = self._members(members, frame, flow, Scope(scope.full(name)), numbered=True)
            return Chain(name, "", tuple(nodes)), leaving
        return Chain("", "", tuple(nodes)), leaving

    def _left_out(self, members: list[Member], frame: Frame) -> bool:
        """Tell whether a branch vanishes because a width in it is 0."""
        for entry in members:
            if not isinstance(entry, LayerEntry):
                continue
            kind = PRIMITIVES.get(entry.type) or shipped_block(entry.type)
            for key in kind.widths if kind else ():
                value = entry.values.get(key)
                if value is not None and frame.evaluate(entry, key, value, self.problems) == 0:
                    return True
        return False

    # -- checks and records --------------------------------------------------------------------------------------

    def _check_declared_input(self, entry: LayerEntry, frame: Frame, flow: Flow) -> Flow:
        node = entry.node.get("in")
        if node is None:
            return flow
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(node, Scalar) or not isinstance(value, int) or isinstance(value, bool) or value < 1:
            message = "expected the number of channels that arrive; leave `in` out to have it derived"
            self.problems.append(frame.problem(entry, "in", message))
            return flow
        if flow.known is Known.NOTHING:  # what the file says is the best guess there is
            return replace(flow, shape=(value, *flow.shape[1:]), known=Known.CHANNELS)
        arriving = flow.shape[0]
        self.declared_inputs.append((node, arriving))
        if value != arriving and not self._widths and (len(flow.shape) == 3 or flow.known is Known.ALL):
            what = "channels" if len(flow.shape) == 3 else "features"
            message = f"declares {value} input {what}, but {arriving} arrive"
            self.problems.append(frame.problem(entry, "in", message, (flow.arithmetic(),), flow.related))
        return flow

    def _record(
        self,
        frame: Frame,
        name: str,
        op: Primitive | Merge,
        arriving: tuple[Flow, ...],
        shape: Shape,
        parameters: int = 0,
        macs: int = 0,
    ) -> int:
        index = len(self.ops)
        inputs, shapes = tuple(flow.index for flow in arriving), tuple(flow.shape for flow in arriving)
        self.ops.append(PlannedOp(index, name, op, inputs, shapes, shape, parameters, macs, frame.layer))
        self._parameters += parameters
        if self._too_large:
            return index
        message = ""
        if self._parameters > LARGEST_PARAMETERS:
            message = f"the network has more than {LARGEST_PARAMETERS:,} parameters here ({self._parameters:,})"
        elif prod(shape) > LARGEST_ACTIVATION:
            message = f"one image would have {prod(shape):,} values here ({shape_text(shape)})"
        if message:
            self._too_large = True
            note = "no machine holds this; was a width or a size mistyped?"
            self.problems.append(Problem(message, frame.where, frame.path, (note,)))
        return index
