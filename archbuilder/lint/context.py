"""The input of the rules: a network, its locations in the file, and measures that several rules share."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from archbuilder.errors import Location, SpecError
from archbuilder.plan.members import all_members, index_members
from archbuilder.plan.plan import NETWORK_INPUT, Chain, Fork, Plan, PlannedOp, SearchableWidth, TreeNode, ops_in
from archbuilder.plan.planner import plan_network
from archbuilder.plan.symbols import width_name
from archbuilder.plan.trace import Trace
from archbuilder.primitives import Convolution, Linear, Primitive, Same, Shape
from archbuilder.primitives.facts import ONE_POSITION
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.entries import Member
from archbuilder.spec.nodes import MappingNode, location
from archbuilder.spec.validation import as_a_whole


def is_transparent(op: PlannedOp) -> bool:
    """Return whether an op keeps positions and channels, such as a norm, an activation or dropout."""
    if not isinstance(op.op, Primitive) or op.op.counters.product or op.output_shape != op.input_shapes[0]:
        return False
    shapes = op.input_shapes[0], op.output_shape
    return isinstance(op.op.channels(*shapes), Same) and op.op.window(*shapes) == ONE_POSITION


@dataclass(frozen=True, eq=False)
class Parallel:
    """A fork with parallel branches.

    Attributes:
        fork: Its node in the tree of names.
        branches: The ops of each branch, those of forks inside it included.
        layer: The innermost member of the file that contains it.
        input_shape: The shape of its input.
    """

    fork: Fork
    branches: tuple[tuple[PlannedOp, ...], ...]
    layer: str
    input_shape: Shape

    @property
    def output_shape(self) -> Shape:
        """The shape of the output."""
        return self.fork.merge.output_shape

    @property
    def keeps_the_map(self) -> bool:
        """Whether the output has the height and width of the input."""
        return self.input_shape[1:] == self.output_shape[1:]

    @property
    def channels(self) -> tuple[int, ...]:
        """The output channels of each branch."""
        return tuple(shape[0] for shape in self.fork.merge.input_shapes)


class LintContext:
    """A network to lint.

    Attributes:
        document: The spec.
        plan: Its plan.
    """

    def __init__(self, document: SpecDocument) -> None:
        """Plan the network.

        Raises:
            SpecError: The spec is wrong.
        """
        self.document = document
        self.plan: Plan = plan_network(document)
        members, index = list(all_members(document)), index_members(document)
        self._owners = {name: members[position] for name, position in index.copies.items()}
        self._around = index.around
        self._nodes = {layer.name: layer.node for layer in self.plan.all_layers()}
        self._nodes |= {name: member.node for name, member in self._owners.items() if name not in self._nodes}

    # -- places ----------------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> dict[str, MappingNode]:
        """The mapping of every member of the file, including sequences and branches, by full name."""
        return self._nodes

    def node(self, layer: str) -> MappingNode | None:
        """Return the mapping of a member or head in the file; None for the network."""
        return self._nodes.get(layer)

    def around(self, op: str) -> list[Member]:
        """Return the members that contain an op, innermost first, including those in bodies of blocks."""
        return self._around.get(op, [])

    @cached_property
    def in_bodies(self) -> list[MappingNode]:
        """The mappings of the members in bodies of blocks that contain ops, each once."""
        of_file = {id(node) for node in self._nodes.values()}
        nodes = {id(member.node): member.node for members in self._around.values() for member in members}
        return [node for key, node in nodes.items() if key not in of_file]

    def owner(self, op: PlannedOp) -> str:
        """Return the full name of the innermost member of the file that an op belongs to."""
        name = op.name
        while name and name not in self._nodes:
            name = name.rpartition(".")[0]
        return name or op.layer

    def member(self, layer: str) -> Member | None:
        """Return a top-level layer as the file's own list has it; None for a head."""
        return next((member for member in self.document.layers if member.node is self.node(layer)), None)

    def place(self, layer: str, width: SearchableWidth | None = None) -> Location:
        """Return the location of a width if given, else of the layer, else of `layers`."""
        if width is not None and width.key in width.node.entries:
            return location(width.node.entries[width.key].value)
        node = self.node(layer)
        if node is None:
            return self.document.root.key_location("layers")
        return as_a_whole(node)

    @cached_property
    def _traced(self) -> dict[int, str]:
        """The name of the searchable width of each convolution that has one, by the index of the op."""
        trace = Trace()
        traced = plan_network(self.document, trace=trace)
        names: dict[int, str] = {}
        for op in traced.ops:
            if name := width_name(getattr(op.op, "out_channels", None)):
                names[op.index] = name
        return names

    def searchable_width(self, op: PlannedOp) -> SearchableWidth | None:
        """Return the searchable width of a convolution, or None if its width is not searchable."""
        name = self._traced.get(op.index)
        return self.plan.searchable_widths[name] if name else None

    def keeps_the_rest(self, width: SearchableWidth, value: int, behind: PlannedOp) -> bool:
        """Return whether a new value of a width keeps the output shapes of an op and of all ops after it."""
        try:
            after = plan_network(self.document, {width.name: value})
        except SpecError:
            return False
        pairs = zip(self.plan.ops[behind.index :], after.ops[behind.index :], strict=False)
        return len(after.ops) == len(self.plan.ops) and all(one.output_shape == two.output_shape for one, two in pairs)

    # -- structure -------------------------------------------------------------------------------------------------

    @cached_property
    def convolutions(self) -> tuple[PlannedOp, ...]:
        """The convolutions of evaluation, in order."""
        return tuple(op for op in self.plan.ops if isinstance(op.op, Convolution))

    @cached_property
    def depths(self) -> dict[int, int]:
        """How many convolutions and linear layers are on the longest path from the image to each op, inclusive."""
        depths = {NETWORK_INPUT: 0}
        for op in self.plan.ops:
            before = max(depths[number] for number in op.inputs)
            depths[op.index] = before + isinstance(op.op, Convolution | Linear)
        return depths

    @property
    def depth(self) -> int:
        """How many convolutions and linear layers are on the longest path through the network."""
        return self.depths[self.plan.ops[-1].index]

    @cached_property
    def takers(self) -> dict[int, list[PlannedOp]]:
        """The ops that use the output of each op, in evaluation."""
        takers: dict[int, list[PlannedOp]] = {NETWORK_INPUT: [], **{op.index: [] for op in self.plan.ops}}
        for op in self.plan.ops:
            for number in op.inputs:
                takers[number].append(op)
        return takers

    def before(self, op: PlannedOp) -> PlannedOp | None:
        """Return the op before an op, ignoring norms and activations; None at the image or a merge."""
        number = op.inputs[0]
        while number != NETWORK_INPUT:
            found = self.plan.ops[number]
            if len(op.inputs) > 1 or len(self.takers[number]) > 1:
                return None
            if not is_transparent(found):
                return found
            number = found.inputs[0]
        return None

    @cached_property
    def cuts(self) -> tuple[PlannedOp, ...]:
        """The ops on every path from the image to the output."""
        last_taken = {number: max((op.index for op in ops), default=-1) for number, ops in self.takers.items()}
        open_until, cuts = last_taken[NETWORK_INPUT], []
        for op in self.plan.ops:
            if open_until <= op.index and (self.takers[op.index] or op is self.plan.ops[-1]):
                cuts.append(op)
            open_until = max(open_until, last_taken[op.index])
        return tuple(cuts)

    @cached_property
    def forks(self) -> tuple[Parallel, ...]:
        """The forks in evaluation, in order, including nested ones."""
        return tuple(fork for node in self.plan.trees for fork in self._forks(node))

    def _forks(self, node: TreeNode) -> Iterator[Parallel]:
        """Yield the forks in a node of the tree of names, outer ones first."""
        if isinstance(node, Chain):
            for member in node.members:
                yield from self._forks(member)
        elif isinstance(node, Fork):
            branches = tuple(tuple(ops_in(branch)) for branch in node.branches)
            first = next((ops[0] for ops in branches if ops), None)
            if first is not None:
                yield Parallel(node, branches, self.owner(node.merge), first.input_shapes[0])
            for branch in node.branches:
                yield from self._forks(branch)


def is_map(op: PlannedOp) -> bool:
    """Return whether the output of an op is a map of more than 1 x 1."""
    return len(op.output_shape) == 3 and op.output_shape[1:] != (1, 1)


def area(op: PlannedOp) -> int:
    """Return the number of elements of a convolution's kernel; 0 for other ops."""
    return op.op.kernel_size[0] * op.op.kernel_size[1] if isinstance(op.op, Convolution) else 0


def kernel_text(op: PlannedOp) -> str:
    """Write a convolution's kernel size: `3x3`."""
    assert isinstance(op.op, Convolution)
    return "x".join(map(str, op.op.kernel_size))


def multiple_of_8(width: float) -> int:
    """Round a width to the nearest multiple of 8 that is not 0."""
    return max(8, int(width / 8 + 0.5) * 8)
