"""Receptive fields and effective strides of each operation, in pixels of the image.

The arithmetic is that of Araujo, Norris and Sim (2019, "Computing Receptive Fields of Convolutional Neural Networks",
Distill, doi:10.23915/distill.00021): a window of k, dilated, on a map whose positions are s pixels apart adds
(k - 1) * s to the field, and its own stride multiplies s. Padding changes neither, so a field may be larger than the
image. At a merge, the largest field and the largest stride of its inputs count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

from archbuilder.plan.plan import NETWORK_INPUT, Plan, PlannedLayer, PlannedOp
from archbuilder.primitives import Merge
from archbuilder.primitives.facts import ONE_POSITION

Pair = tuple[float, float]
_Exact = tuple[int | Fraction, int | Fraction]


@dataclass(frozen=True, slots=True)
class Geometry:
    """The receptive field and stride of one position of a map.

    An op that reduces a map to one position, such as a global pool or a flatten, has the joint receptive field of all
    positions of the map, and keeps the stride of the map.

    Attributes:
        receptive_field: (height, width), in pixels, padding included.
        stride: The distance of neighboring positions in pixels: (vertical, horizontal). After an upsampling it may be
            a fraction.
    """

    receptive_field: Pair
    stride: Pair


_IMAGE = Geometry((1, 1), (1, 1))


def geometry(plan: Plan) -> tuple[Geometry, ...]:
    """Compute the geometry of every op.

    Returns:
        Those of `plan.ops` in order, then those of each head's ops; `op.index` is the position in the tuple.
    """
    known: dict[int, tuple[_Exact, _Exact]] = {NETWORK_INPUT: ((1, 1), (1, 1))}
    for op in chain(plan.ops, *(head.layer.ops for head in plan.heads)):
        known[op.index] = _output_geometry(op, [known[index] for index in op.inputs])
    exact = tuple(known.values())[1:]
    return tuple(Geometry(_as_numbers(field), _as_numbers(stride)) for field, stride in exact)


def layer_geometry(plan: Plan, layers: Sequence[PlannedLayer] | None = None) -> tuple[Geometry, ...]:
    """Return the geometry of each layer's last op; a layer without ops has that of the layer before it.

    Args:
        plan: The network.
        layers: Layers or parts of them; by default the layers of the plan.
    """
    by_op = geometry(plan)
    found: list[Geometry] = []
    for layer in plan.layers if layers is None else layers:
        found.append(by_op[layer.ops[-1].index] if layer.ops else (found or [_IMAGE])[-1])
    return tuple(found)


def _output_geometry(op: PlannedOp, inputs: list[tuple[_Exact, _Exact]]) -> tuple[_Exact, _Exact]:
    """Return the receptive field and the stride of an op's output."""
    field, stride = _elementwise_max([field for field, _ in inputs]), _elementwise_max([stride for _, stride in inputs])
    window, steps = ONE_POSITION if isinstance(op.op, Merge) else op.op.window(op.input_shapes[0], op.output_shape)
    return (
        (field[0] + (window[0] - 1) * stride[0], field[1] + (window[1] - 1) * stride[1]),
        (stride[0] * steps[0], stride[1] * steps[1]),
    )


def _elementwise_max(pairs: list[_Exact]) -> _Exact:
    return max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)


def _as_numbers(pair: _Exact) -> Pair:
    """Convert fractions to floats, or to integers if they are whole."""
    first, second = (int(extent) if extent.denominator == 1 else float(extent) for extent in pair)
    return first, second
