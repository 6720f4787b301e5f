"""How far each operation sees: receptive fields and effective strides, in pixels of the image.

The arithmetic is that of Araujo, Norris and Sim (2019, "Computing Receptive Fields of Convolutional Neural Networks",
Distill, doi:10.23915/distill.00021): a window of k, dilated, on a map whose positions are s pixels apart adds
(k - 1) * s to the field, and its own stride multiplies s. Padding changes neither, so a field may be larger than the
image. Where paths join, the largest field and the largest stride of them count.
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
    """What one position of a map sees of the image.

    What makes one position of a whole map, such as a global pool or a flatten, sees what all positions of the map see
    together, and keeps the stride of that map: one position has no other to be apart from.

    Attributes:
        receptive_field: (height, width), in pixels, padding included.
        stride: How many pixels neighboring positions are apart: (vertically, horizontally). Behind an
            upsampling both may be fractions.
    """

    receptive_field: Pair
    stride: Pair


_IMAGE = Geometry((1, 1), (1, 1))


def geometry(plan: Plan) -> tuple[Geometry, ...]:
    """Compute the geometry of every op.

    Returns:
        Those of `plan.ops` in their order, then those of each head's ops: an op's index is its position.
    """
    known: dict[int, tuple[_Exact, _Exact]] = {NETWORK_INPUT: ((1, 1), (1, 1))}
    for op in chain(plan.ops, *(head.layer.ops for head in plan.heads)):
        known[op.index] = _output_geometry(op, [known[index] for index in op.inputs])
    exact = tuple(known.values())[1:]
    return tuple(Geometry(_plain(field), _plain(stride)) for field, stride in exact)


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


def _output_geometry(op: PlannedOp, inputs: list[tuple[_Exact, _Exact]]) -> tuple[_Exact, _Exact]:
    """Return the receptive field and the stride of an op's output."""
    field, stride = _largest([field for field, _ in inputs]), _largest([stride for _, stride in inputs])
    window, steps = ONE_POSITION if isinstance(op.op, Merge) else op.op.window(op.input_shapes[0], op.output_shape)
    return (
        (field[0] + (window[0] - 1) * stride[0], field[1] + (window[1] - 1) * stride[1]),
        (stride[0] * steps[0], stride[1] * steps[1]),
    )


def _largest(pairs: list[_Exact]) -> _Exact:
    return max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)


def _plain(pair: _Exact) -> Pair:
    """Return integers where they are integers, and floats elsewhere."""
    first, second = (int(extent) if extent.denominator == 1 else float(extent) for extent in pair)
    return first, second
