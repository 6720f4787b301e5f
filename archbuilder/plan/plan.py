"""What a spec means: every name, shape, parameter and operation resolved."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from archbuilder.errors import ArchbuilderError
from archbuilder.primitives import Merge, Primitive, Shape, shape_text
from archbuilder.primitives.facts import NARROW, PARAMETER
from archbuilder.spec.entries import Member
from archbuilder.spec.expression import Expression
from archbuilder.spec.initialization import Init
from archbuilder.spec.nodes import MappingNode

NETWORK_INPUT = -1


@dataclass(frozen=True, eq=False, slots=True)
class PlannedOp:
    """One primitive operation, or one merge.

    Costs are of one image in evaluation mode, by fvcore's conventions.

    Attributes:
        index: Its position in the plan's `ops`.
        name: Its dotted name, which is its module's path and the prefix of its state-dict keys.
        op: The primitive or merge.
        inputs: The indexes of the ops whose outputs it takes; `NETWORK_INPUT` is the image.
        input_shapes: The input shapes, in the order of `inputs`.
        output_shape: The output shape.
        parameters: How many trainable parameters it has.
        macs: How many multiply-adds it takes.
        layer: The name of the top-level layer, or of the head, that it belongs to.
        init: Its weight initialization; None for that of the network.
    """

    index: int
    name: str
    op: Primitive | Merge
    inputs: tuple[int, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    parameters: int
    macs: int
    layer: str
    init: Init | None = None

    def __repr__(self) -> str:
        shapes = f"{' + '.join(map(shape_text, self.input_shapes))} -> {shape_text(self.output_shape)}"
        return f"PlannedOp({self.name!r}: {self.op.type}, {shapes}, {self.parameters:,} parameters, {self.macs:,} MACs)"

    @property
    def macs_by_operator(self) -> dict[str, int]:
        """Its multiply-adds by fvcore's operator names, for those that cost anything."""
        if not self.macs or not isinstance(self.op, Primitive):
            return {}
        split = self.op.macs_by_operator(self.input_shapes[0], self.output_shape)
        return {operator: macs for operator, macs in split.items() if macs}

    @property
    def is_module(self) -> bool:
        """Whether it is a module of its own: no merge, no part of a split, no parameter of the module around it."""
        return isinstance(self.op, Primitive) and self.op.call(self.input_shapes[0]).target not in (PARAMETER, NARROW)

    @property
    def activations(self) -> int:
        """The number of output values for one image of a convolution or linear layer; 0 for other operations."""
        return self.op.activations(self.input_shapes[0], self.output_shape) if isinstance(self.op, Primitive) else 0


@dataclass(frozen=True, eq=False, slots=True)
class OpNode:
    """A leaf of the tree of names; `member` is what the spec, or the body of a block, writes there."""

    name: str
    op: PlannedOp
    member: Member | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False, slots=True)
class Chain:
    """Nodes that run one after the other: a named module such as a layer, or a nameless list such as a branch.

    Attributes:
        name: Its name under the nearest named chain, or an empty string if its members have no common name.
        label: What it is: `inception`, `conv`, or an empty string.
        members: The nodes.
        outer: For a named fork: the names of earlier members of the surrounding list whose outputs its branches use.
        member: What the spec, or the body of a block, writes there; None for a branch.
        arguments: The values of `$` names in the body of its block, where it is one.
        when: The condition under which it exists, of a branch.
    """

    name: str
    label: str
    members: tuple["TreeNode", ...]
    outer: tuple[str, ...] = ()
    member: Member | None = field(default=None, repr=False)
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)
    when: Expression | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False, slots=True)
class Fork:
    """Parallel chains with the same input, and the op that merges their outputs. It adds nothing to names."""

    merge: PlannedOp
    branches: tuple[Chain, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Take:
    """Replaces the current tensor by outputs of earlier nodes, as `from` in a spec asks for.

    The node after it has these outputs as its input, instead of the output of the node before.

    Attributes:
        names: The names of the earlier nodes; `input` is the input of the list.
        merge: The op that concatenates their outputs; None for a single name.
        outer: False if the earlier nodes are in the same list. True for the only node of a branch whose output is that
            of an earlier node of the list that contains the fork.
    """

    names: tuple[str, ...]
    merge: PlannedOp | None
    outer: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class PartNode:
    """The channels that a branch takes of a fork's input; a view, which is no module."""

    op: PlannedOp


TreeNode = OpNode | Chain | Fork | Take | PartNode


def outer_take(branch: Chain) -> Take | None:
    """Return the node of a branch that is only an earlier output of the surrounding list; None for other branches."""
    first = branch.members[0] if branch.members else None
    return first if isinstance(first, Take) and first.outer else None


def recalled(nodes: Iterable[TreeNode]) -> dict[str, None]:
    """Return the names of the outputs that nodes of a list use again later, each once and in order of use.

    These outputs must be stored until the end of the list; all others can be freed by the next node.
    """
    names: list[str] = []
    for node in nodes:
        match node:
            case Fork():
                names += outer_names(node)
            case Chain():
                names += node.outer
            case Take():
                names += node.names
    return dict.fromkeys(names)


def outer_names(fork: Fork) -> tuple[str, ...]:
    """Return the names of the earlier outputs of the surrounding list that branches of a fork are, each once."""
    takes = [take for branch in fork.branches if (take := outer_take(branch))]
    return tuple(dict.fromkeys(name for take in takes for name in take.names))


def ops_in(node: TreeNode) -> Iterator[PlannedOp]:
    """Yield the ops of a node, including nested ones, in the order in which they run."""
    match node:
        case OpNode() | PartNode():
            yield node.op
        case Chain():
            for member in node.members:
                yield from ops_in(member)
        case Fork():
            for branch in node.branches:
                yield from ops_in(branch)
            yield node.merge
        case Take():
            if node.merge is not None:
                yield node.merge


@dataclass(frozen=True, eq=False, slots=True)
class PlannedLayer:
    """A top-level layer, or a head, and its share of the costs.

    Attributes:
        name: Its name.
        type: Its type in the spec, or its merge, or `sequence`.
        output_shape: The output shape.
        parameters: Its trainable parameters.
        macs: Its multiply-adds.
        ops: Its operations.
        node: Its mapping in the file; repetitions without a common name share one.
    """

    name: str
    type: str
    output_shape: Shape
    parameters: int
    macs: int
    ops: tuple[PlannedOp, ...]
    node: MappingNode

    def __repr__(self) -> str:
        costs = f"{self.parameters:,} parameters, {self.macs:,} MACs, {len(self.ops)} ops"
        return f"PlannedLayer({self.name!r}: {self.type} -> {shape_text(self.output_shape)}, {costs})"


@dataclass(frozen=True, eq=False, slots=True)
class PlannedHead:
    """An auxiliary classifier.

    Attributes:
        after: The full name of the place it attaches to.
        tapped: The index of the op whose output it takes.
        loss_weight: What its loss is multiplied by.
        listed_before: The number of top-level nodes before it in the state dict.
        layer: Its costs and operations.
        tree: Its tree of names.
    """

    after: str
    tapped: int
    loss_weight: float
    listed_before: int
    layer: PlannedLayer
    tree: Chain

    @property
    def name(self) -> str:
        """The head's name."""
        return self.layer.name

    def __repr__(self) -> str:
        return f"PlannedHead({self.name!r} after {self.after!r}: {self.layer.parameters:,} parameters)"


@dataclass(frozen=True, eq=False, slots=True)
class SearchableWidth:
    """One searchable width.

    Attributes:
        name: `layer.key`, such as `inception3a.3x3red`.
        value: The width as it is written.
        scaled: The width that the network has, by the spec's `width:` multiplier.
        default: The width where the file does not write it.
        layer: The name of the layer.
        key: The key of the layer.
        node: The layer's mapping in the file; the key may be missing from it, where the block has a default.
    """

    name: str
    value: int
    scaled: int
    default: int | None
    layer: str
    key: str
    node: MappingNode = field(repr=False)


class DeclaredInput(NamedTuple):
    """An `in:` of the spec: the layer that has it, and the actual input channels."""

    layer: str
    node: MappingNode
    channels: int


@dataclass(frozen=True, eq=False)
class Plan:
    """A network, resolved.

    Attributes:
        name: The network's name.
        input_shape: (channels, height, width) of an image.
        class_count: The number of logits; None where the network ends in a map.
        init: How weights are initialized.
        layers: The top-level layers in order.
        heads: The auxiliary classifiers in the order of the file.
        trees: The trees of names of the top level, in order.
        searchable_widths: The searchable widths by name.
        declared_inputs: Every `in:` of the spec with the actual input channels.
    """

    name: str
    input_shape: Shape
    class_count: int | None
    init: Init
    layers: tuple[PlannedLayer, ...]
    heads: tuple[PlannedHead, ...]
    trees: tuple[TreeNode, ...]
    searchable_widths: Mapping[str, SearchableWidth]
    declared_inputs: tuple[DeclaredInput, ...]

    def __repr__(self) -> str:
        shapes = f"{shape_text(self.input_shape)} -> {self.ending}, {len(self.layers)} layers"
        return f"Plan({self.name!r}: {shapes}, {self.parameters:,} parameters, {self.macs:,} MACs)"

    @property
    def classes(self) -> int:
        """The number of logits.

        Raises:
            ArchbuilderError: The network ends in a map.
        """
        if self.class_count is None:
            raise ArchbuilderError(
                f"{self.name} ends in {self.ending} (`output: map`), and has no classes: training, searching and "
                "evaluating are for classification"
            )
        return self.class_count

    @property
    def ending(self) -> str:
        """What the network ends in: `10 classes`, or `a map of 64 x 8 x 8`."""
        if self.class_count is None:
            return f"a map of {shape_text(self.output_shape)}"
        return "1 class" if self.class_count == 1 else f"{self.class_count:,} classes"

    @property
    def output_shape(self) -> Shape:
        """The shape of the output in evaluation, of one image."""
        return self.layers[-1].output_shape if self.layers else self.input_shape

    @cached_property
    def ops(self) -> tuple[PlannedOp, ...]:
        """The operations of evaluation in order; those of the heads are in `heads`."""
        return tuple(op for layer in self.layers for op in layer.ops)

    @property
    def macs(self) -> int:
        """Multiply-adds of one image in evaluation, by fvcore's conventions."""
        return sum(layer.macs for layer in self.layers)

    @property
    def flops(self) -> int:
        """Floating-point operations of one image in evaluation: two for each MAC."""
        return 2 * self.macs

    @property
    def parameters(self) -> int:
        """Trainable parameters without those of the heads."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def activations(self) -> int:
        """Number of output values of convolutions and linear layers for one image in evaluation.

        If memory limits the speed, it predicts the run time better than MACs (Radosavovic et al., 2020, "Designing
        Network Design Spaces", arXiv:2003.13678). fvcore's `ActivationCountAnalysis` counts the same.
        """
        return sum(op.activations for op in self.ops)

    @property
    def head_parameters(self) -> int:
        """Trainable parameters of the heads."""
        return sum(head.layer.parameters for head in self.heads)

    @property
    def head_macs(self) -> int:
        """Multiply-adds that the heads add to one image in training."""
        return sum(head.layer.macs for head in self.heads)

    @property
    def head_weights(self) -> dict[str, float]:
        """What each head's loss is multiplied by, by the head's name."""
        return {head.name: head.loss_weight for head in self.heads}

    @property
    def heads_deepest_first(self) -> tuple[PlannedHead, ...]:
        """The heads in the order of the training output, that of the deepest tap first."""
        return tuple(sorted(self.heads, key=lambda head: head.tapped, reverse=True))

    @property
    def macs_by_operator(self) -> dict[str, int]:
        """Multiply-adds by fvcore's operator names, for those that cost anything."""
        totals: dict[str, int] = {}
        for op in self.ops:
            for operator, macs in op.macs_by_operator.items():
                totals[operator] = totals.get(operator, 0) + macs
        return totals

    def all_layers(self) -> Iterator[PlannedLayer]:
        """Return the layers, then the heads."""
        yield from self.layers
        for head in self.heads:
            yield head.layer
