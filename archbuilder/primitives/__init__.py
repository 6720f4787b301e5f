"""The primitives: every operation a network can be made of, each with its shape rule and its costs in one place."""

from archbuilder.primitives.convolution import Convolution
from archbuilder.primitives.linear import Flatten, Linear
from archbuilder.primitives.merges import Add, Concat, Merge
from archbuilder.primitives.normalisation import BatchNorm
from archbuilder.primitives.pointwise import Activation, Dropout
from archbuilder.primitives.pooling import AdaptiveAvgPool, AvgPool, GlobalAvgPool, MaxPool
from archbuilder.primitives.primitive import Primitive, Shape, ShapeError, shape_text

PRIMITIVES: dict[str, type[Primitive]] = {
    primitive.type: primitive
    for primitive in (
        Convolution,
        BatchNorm,
        Activation,
        MaxPool,
        AvgPool,
        AdaptiveAvgPool,
        GlobalAvgPool,
        Dropout,
        Flatten,
        Linear,
    )
}
"""Every primitive by its word in a spec."""

MERGES: dict[str, type[Merge]] = {merge.type: merge for merge in (Concat, Add)}
"""Every merge by its word in a spec."""

__all__ = [
    "MERGES",
    "PRIMITIVES",
    "Activation",
    "AdaptiveAvgPool",
    "Add",
    "AvgPool",
    "BatchNorm",
    "Concat",
    "Convolution",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "Linear",
    "MaxPool",
    "Merge",
    "Primitive",
    "Shape",
    "ShapeError",
    "shape_text",
]
