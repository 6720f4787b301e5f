"""Simulate which tensors eager PyTorch holds while a plan's module runs in evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from archbuilder.plan.plan import Chain, Fork, OpNode, PartNode, PlannedOp, Take, TreeNode, outer_take, recalled
from archbuilder.primitives import Merge
from archbuilder.primitives.held import Allocation


class AllocatedTensor(NamedTuple):
    """An allocated tensor: its bytes, and the bytes of all tensors that are live then, including it."""

    size: int
    live: int


@dataclass(frozen=True)
class MemoryStep:
    """The memory of one op of `plan.ops`.

    Attributes:
        name: The op's name.
        made: The tensors that it allocates, in order; none if it passes its input through.
        before: The live bytes when it starts.
    """

    name: str
    made: tuple[AllocatedTensor, ...]
    before: int

    @property
    def allocated(self) -> int:
        """The bytes of all tensors that it allocates."""
        return sum(made.size for made in self.made)

    @property
    def highest(self) -> int:
        """The maximum of live bytes while it runs."""
        return max((made.live for made in self.made), default=self.before)


class Tensor:
    """A tensor and the number of variables that hold it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.holders = 1


class Run:
    """A simulated forward pass through the tree, in the order of archbuilder.modules.blocks.follow.

    Attributes:
        live: The bytes of live tensors.
        steps: The memory of each op so far.
    """

    def __init__(self, batch: int, bytes_per_value: int) -> None:
        self.live = 0
        self.steps: list[MemoryStep] = []
        self._batch = batch
        self._bytes = bytes_per_value

    def make(self, size: int) -> Tensor:
        """Allocate a tensor with one holder."""
        self.live += size
        return Tensor(size)

    def follow(
        self, nodes: Sequence[TreeNode], fed: Tensor, outer: Mapping[str, Tensor] = MappingProxyType({})
    ) -> Tensor:
        """Run a list of nodes on a tensor that the caller holds; return the output, held once more.

        Args:
            nodes: The nodes.
            fed: The input.
            outer: The earlier outputs of the surrounding list by name, which the caller holds too.
        """
        names = recalled(nodes)
        kept = {"input": _held(fed), **{name: _held(tensor) for name, tensor in outer.items()}} if names else {}
        x = _held(fed)
        for node in nodes:
            output = self._node(node, x, kept)
            self._drop(x)
            x = output
            if isinstance(node, OpNode | Chain) and node.name in names:
                kept[node.name] = _held(x)
        for tensor in kept.values():
            self._drop(tensor)
        return x

    def _node(self, node: TreeNode, x: Tensor, kept: dict[str, Tensor]) -> Tensor:
        match node:
            case OpNode() | PartNode():
                return self._op(node.op, x)
            case Chain():
                return self.follow(node.members, x, {name: kept[name] for name in node.outer})
            case Fork():
                joined = [
                    _held(kept[take.names[0]]) if (take := outer_take(branch)) else self.follow(branch.members, x)
                    for branch in node.branches
                ]
                output = self._op(node.merge, joined[0])
                for tensor in joined:
                    self._drop(tensor)
                return output
            case Take():
                first = kept[node.names[0]]
                return self._op(node.merge, first) if node.merge else _held(first)

    def _op(self, op: PlannedOp, first: Tensor) -> Tensor:
        """Run an op whose inputs are held; return `first` if the op allocates nothing."""
        before, made = self.live, list[AllocatedTensor]()
        held: list[tuple[int, Tensor]] = []  # with the allocation at which each is gone
        planned = allocations(op)
        for position, allocation in enumerate(planned):
            self._drop_all([tensor for gone_at, tensor in held if gone_at <= position])
            held = [(gone_at, tensor) for gone_at, tensor in held if gone_at > position]
            tensor = self.make(allocation.values * self._batch * (allocation.bytes_per_value or self._bytes))
            made.append(AllocatedTensor(tensor.size, self.live))
            if position + 1 < len(planned):
                held.append((position + allocation.outlived_by + 1, tensor))
        self._drop_all([tensor for _, tensor in held])
        self.steps.append(MemoryStep(op.name, tuple(made), before))
        return tensor if planned else _held(first)

    def _drop(self, tensor: Tensor) -> None:
        tensor.holders -= 1
        if not tensor.holders:
            self.live -= tensor.size

    def _drop_all(self, tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            self._drop(tensor)


def _held(tensor: Tensor) -> Tensor:
    tensor.holders += 1
    return tensor


def allocations(op: PlannedOp) -> tuple[Allocation, ...]:
    """Return the tensors that an op allocates in evaluation; none if it passes its input through."""
    if isinstance(op.op, Merge):
        return op.op.allocations(op.input_shapes)
    return op.op.allocations(op.input_shapes[0], op.output_shape)
