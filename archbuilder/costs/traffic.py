"""The bytes that each op moves, and whether arithmetic or memory limits a network.

A network with fewer FLOPs per byte than a machine's ratio of FLOP/s to bytes/s is limited by memory (Williams,
Waterman and Patterson, 2009, "Roofline: an insightful visual performance model for multicore architectures",
Communications of the ACM 52(4), 65-76).
"""

from dataclasses import dataclass
from math import prod

from archbuilder.costs.tensors import allocations
from archbuilder.plan.plan import Plan, PlannedOp
from archbuilder.primitives import Merge


@dataclass(frozen=True)
class OpTraffic:
    """The bytes that an op moves in evaluation: its inputs, its parameters and buffers, and its output, once each.

    An op that passes its input through moves nothing.

    Attributes:
        name: The op's name.
        read: The bytes of its inputs and of its parameters and buffers.
        written: The bytes of its output.
        flops: Its floating-point operations, two for each MAC.
    """

    name: str
    read: int
    written: int
    flops: int

    @property
    def bytes(self) -> int:
        """Bytes read and written."""
        return self.read + self.written

    @property
    def intensity(self) -> float:
        """FLOPs per byte; 0 if nothing is moved."""
        return self.flops / self.bytes if self.bytes else 0.0


@dataclass(frozen=True)
class Traffic:
    """The bytes that a network moves if every op reads and writes memory: without caches and without fusion.

    Attributes:
        ops: One for each op, in the order of `plan.ops`.
    """

    ops: tuple[OpTraffic, ...]

    @property
    def read(self) -> int:
        """All bytes that are read."""
        return sum(op.read for op in self.ops)

    @property
    def written(self) -> int:
        """All bytes that are written."""
        return sum(op.written for op in self.ops)

    @property
    def bytes(self) -> int:
        """Bytes read and written."""
        return self.read + self.written

    @property
    def flops(self) -> int:
        """All floating-point operations."""
        return sum(op.flops for op in self.ops)

    @property
    def intensity(self) -> float:
        """FLOPs per byte, the horizontal axis of a roofline plot; 0 if nothing is moved."""
        return self.flops / self.bytes if self.bytes else 0.0


def traffic(plan: Plan, batch: int = 1, bytes_per_value: int = 4) -> Traffic:
    """Count the bytes that each op reads and writes in evaluation.

    Args:
        plan: The plan.
        batch: How many images run at once; parameters and buffers are read once for all of them.
        bytes_per_value: The size of a value: 4 for float32.
    """
    return Traffic(tuple(_op_traffic(op, batch, bytes_per_value) for op in plan.ops))


def _op_traffic(op: PlannedOp, batch: int, bytes_per_value: int) -> OpTraffic:
    """Return the bytes and FLOPs of an op; all are 0 if it passes its input through."""
    if not allocations(op):
        return OpTraffic(op.name, 0, 0, 0)
    stored = 0 if isinstance(op.op, Merge) else op.op.stored(op.input_shapes[0])
    read = sum(map(prod, op.input_shapes)) * batch + stored
    return OpTraffic(
        op.name, read * bytes_per_value, prod(op.output_shape) * batch * bytes_per_value, 2 * op.macs * batch
    )
