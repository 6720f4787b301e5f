"""The tensors that eager PyTorch holds while a plan's module runs in evaluation, followed without a tensor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from archbuilder.plan.plan import Chain, Fork, OpNode, PartNode, PlannedOp, Take, TreeNode, outer_take, recalled
from archbuilder.primitives import Merge
from archbuilder.primitives.held import Allocation


class Made(NamedTuple):
    """A tensor that is made: its bytes, and those that are held then, it among them."""

    size: int
    live: int


@dataclass(frozen=True)
class MemoryStep:
    """What one op of `plan.ops` does to the memory.

    Attributes:
        name: The op's name.
        made: The tensors that it makes, in order; none where it passes its input through.
        before: The bytes that are held when it starts.
    """

    name: str
    made: tuple[Made, ...]
    before: int

    @property
    def allocated(self) -> int:
        """The bytes of all that it makes."""
        return sum(made.size for made in self.made)

    @property
    def highest(self) -> int:
        """The bytes that are held at its highest moment."""
        return max((made.live for made in self.made), default=self.before)


class Tensor:
    """A tensor and how many variables hold it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.holders = 1


class Run:
    """One pass through the tree, as archbuilder.modules.blocks.follow makes it; what it returns is held once more.

    Attributes:
        live: The bytes that are held now.
        steps: What the ops have done so far.
    """

    def __init__(self, batch: int, bytes_per_value: int) -> None:
        self.live = 0
        self.steps: list[MemoryStep] = []
        self._batch = batch
        self._bytes = bytes_per_value

    def make(self, size: int) -> Tensor:
        """Make a tensor, which is held once."""
        self.live += size
        return Tensor(size)

    def follow(
        self, nodes: Sequence[TreeNode], fed: Tensor, outer: Mapping[str, Tensor] = MappingProxyType({})
    ) -> Tensor:
        """Take a tensor along a list of nodes; the caller goes on holding it, and those of the list around it."""
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
        """Run an op whose inputs are held; `first` is handed on if it makes nothing."""
        before, made = self.live, list[Made]()
        held: list[tuple[int, Tensor]] = []  # with the allocation at which each is gone
        planned = allocations(op)
        for position, allocation in enumerate(planned):
            self._drop_all([tensor for gone_at, tensor in held if gone_at <= position])
            held = [(gone_at, tensor) for gone_at, tensor in held if gone_at > position]
            tensor = self.make(allocation.values * self._batch * (allocation.bytes_per_value or self._bytes))
            made.append(Made(tensor.size, self.live))
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
    """Return the tensors that an op makes in evaluation; none if it passes its input through."""
    if isinstance(op.op, Merge):
        return op.op.allocations(op.input_shapes)
    return op.op.allocations(op.input_shapes[0], op.output_shape)
