"""Simulate the memory of a plan's forward pass in eval mode, as eager PyTorch allocates it.

The memory of a tensor is freed with its last reference, as in CPython.
"""

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
    def peak_live(self) -> int:
        """The maximum of live bytes while it runs."""
        return max((made.live for made in self.made), default=self.before)


class SimulatedTensor:
    """A tensor of the simulation: its bytes and its reference count."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.references = 1


class ForwardSimulation:
    """A simulated forward pass over `plan.trees`, in the order of archbuilder.modules.blocks.follow.

    Attributes:
        live: The bytes of live tensors.
        steps: The memory of each op so far.
    """

    def __init__(self, batch: int, bytes_per_value: int) -> None:
        self.live = 0
        self.steps: list[MemoryStep] = []
        self._batch = batch
        self._bytes = bytes_per_value

    def make(self, size: int) -> SimulatedTensor:
        """Allocate a tensor with a reference count of 1."""
        self.live += size
        return SimulatedTensor(size)

    def run_nodes(
        self,
        nodes: Sequence[TreeNode],
        x_in: SimulatedTensor,
        outer: Mapping[str, SimulatedTensor] = MappingProxyType({}),
    ) -> SimulatedTensor:
        """Simulate a list of nodes; return the output, with a reference for the caller to release.

        Args:
            nodes: The nodes.
            x_in: The input, to which the caller keeps its reference.
            outer: Outputs of earlier nodes of the surrounding list by name, to which the caller keeps its references.
        """
        names = recalled(nodes)
        # Outputs that a later node uses again are live until the end of the list.
        earlier_outputs = {"input": x_in, **outer} if names else {}
        reused = {name: _retain(tensor) for name, tensor in earlier_outputs.items()}
        x = _retain(x_in)
        for node in nodes:
            output = self._node(node, x, reused)
            self._release(x)
            x = output
            if isinstance(node, OpNode | Chain) and node.name in names:
                reused[node.name] = _retain(x)
        for tensor in reused.values():
            self._release(tensor)
        return x

    def _node(self, node: TreeNode, x: SimulatedTensor, reused: dict[str, SimulatedTensor]) -> SimulatedTensor:
        """Simulate a node; return its output, with a reference for the caller to release."""
        match node:
            case OpNode() | PartNode():
                return self._op(node.op, x)
            case Chain():
                return self.run_nodes(node.members, x, {name: reused[name] for name in node.outer})
            case Fork():
                joined = [
                    _retain(reused[take.names[0]])
                    if (take := outer_take(branch))
                    else self.run_nodes(branch.members, x)
                    for branch in node.branches
                ]
                output = self._op(node.merge, joined[0])
                for tensor in joined:
                    self._release(tensor)
                return output
            case Take():
                first = reused[node.names[0]]
                return self._op(node.merge, first) if node.merge else _retain(first)

    def _op(self, op: PlannedOp, first: SimulatedTensor) -> SimulatedTensor:
        """Simulate an op while its inputs are live; return `first` if the op allocates nothing."""
        before, tensors = self.live, list[AllocatedTensor]()
        temporaries: list[tuple[int, SimulatedTensor]] = []  # each with the position of the allocation that frees it
        planned = allocations(op)
        for position, allocation in enumerate(planned):
            self._release_all([tensor for freed_at, tensor in temporaries if freed_at <= position])
            temporaries = [(freed_at, tensor) for freed_at, tensor in temporaries if freed_at > position]
            values = allocation.values * (1 if allocation.is_per_batch else self._batch)
            tensor = self.make(values * (allocation.bytes_per_value or self._bytes))
            tensors.append(AllocatedTensor(tensor.size, self.live))
            if position + 1 < len(planned):
                temporaries.append((position + allocation.outlived_by + 1, tensor))
        self._release_all([tensor for _, tensor in temporaries])
        self.steps.append(MemoryStep(op.name, tuple(tensors), before))
        return tensor if planned else _retain(first)

    def _release(self, tensor: SimulatedTensor) -> None:
        tensor.references -= 1
        if not tensor.references:
            self.live -= tensor.size

    def _release_all(self, tensors: Sequence[SimulatedTensor]) -> None:
        for tensor in tensors:
            self._release(tensor)


def _retain(tensor: SimulatedTensor) -> SimulatedTensor:
    tensor.references += 1
    return tensor


def allocations(op: PlannedOp) -> tuple[Allocation, ...]:
    """Return the tensors that an op allocates in evaluation; none if it passes its input through."""
    if isinstance(op.op, Merge):
        return op.op.allocations(op.input_shapes)
    return op.op.allocations(op.input_shapes[0], op.output_shape)
