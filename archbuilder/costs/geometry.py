"""How far each operation sees: receptive fields and effective strides, in pixels of the image.

The arithmetic is that of Araujo, Norris and Sim (2019, "Computing Receptive Fields of Convolutional Neural Networks",
Distill, doi:10.23915/distill.00021): a window of k, dilated, on a map whose positions are s pixels apart adds
(k - 1) * s to the field, and its own stride multiplies s. Padding changes neither, so a field may be larger than the
image. Where paths join, the largest field and the largest stride of them count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import gcd

from archbuilder.plan.plan import NETWORK_INPUT, Plan, PlannedLayer, PlannedOp
from archbuilder.primitives import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    Convolution,
    Flatten,
    GlobalAvgPool,
    MaxPool,
    Shape,
)

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Geometry:
    """What one position of a map sees of the image.

    What makes one position of a whole map, such as a global pool or a flatten, sees what all positions of the map see
    together, and keeps the stride of that map: one position has no other to be apart from.

    Attributes:
        receptive_field: (height, width), in pixels, padding included.
        stride: How many pixels neighboring positions are apart: (vertically, horizontally).
    """

    receptive_field: Pair
    stride: Pair


_IMAGE = Geometry((1, 1), (1, 1))


def geometry(plan: Plan) -> tuple[Geometry, ...]:
    """Compute the geometry of every op.

    Returns:
        Those of `plan.ops` in their order, then those of each head's ops: an op's index is its position.
    """
    known = {NETWORK_INPUT: _IMAGE}
    for op in chain(plan.ops, *(head.layer.ops for head in plan.heads)):
        known[op.index] = _output_geometry(op, [known[index] for index in op.inputs])
    return tuple(known.values())[1:]


def layer_geometry(plan: Plan, layers: Sequence[PlannedLayer] | None = None) -> tuple[Geometry, ...]:
    """Return the geometry of each layer's last op; a layer without ops has that of the layer before it.

    Args:
        plan: The network.
        layers: Its layers, or parts of them; by default its layers.
    """
    by_op = geometry(plan)
    found: list[Geometry] = []
    for layer in plan.layers if layers is None else layers:
        found.append(by_op[layer.ops[-1].index] if layer.ops else (found or [_IMAGE])[-1])
    return tuple(found)


def _output_geometry(op: PlannedOp, inputs: list[Geometry]) -> Geometry:
    field = _largest([one.receptive_field for one in inputs])
    stride = _largest([one.stride for one in inputs])
    window, steps = _window(op, op.input_shapes[0])
    return Geometry(
        (field[0] + (window[0] - 1) * stride[0], field[1] + (window[1] - 1) * stride[1]),
        (stride[0] * steps[0], stride[1] * steps[1]),
    )


def _largest(pairs: list[Pair]) -> Pair:
    return max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)


def _window(op: PlannedOp, input_shape: Shape) -> tuple[Pair, Pair]:
    """Return the extent of an op's window and its stride, both in positions of the input map."""
    match op.op:
        case Convolution(kernel_size=kernel, dilation=apart, stride=steps):
            return _dilated(kernel, apart), steps
        case MaxPool(kernel_size=kernel, dilation=apart, steps=steps):
            return _dilated(kernel, apart), steps
        case AvgPool(kernel_size=kernel, steps=steps):
            return kernel, steps
        case AdaptiveAvgPool(output_size=size) | AdaptiveMaxPool(output_size=size) | GlobalAvgPool(output_size=size):
            (height, down), (width, right) = _adaptive(input_shape[1], size[0]), _adaptive(input_shape[2], size[1])
            return (height, width), (down, right)
        case Flatten() if len(input_shape) == 3:
            return (input_shape[1], input_shape[2]), (1, 1)
    return (1, 1), (1, 1)


def _dilated(kernel: Pair, apart: Pair) -> Pair:
    return apart[0] * (kernel[0] - 1) + 1, apart[1] * (kernel[1] - 1) + 1


def _adaptive(extent: int, positions: int) -> tuple[int, int]:
    """Return the largest window of an adaptive pool, and the largest step from one window to the next.

    Window i reaches from floor(i * n / m) to ceil((i + 1) * n / m), as in torch. The remainders of i * n by m are the
    multiples of their greatest common divisor, so the longest window starts m - gcd after a whole position.
    """
    longest = -(-(positions - gcd(extent, positions) + extent) // positions)
    return longest, 1 if positions == 1 else -(-extent // positions)
