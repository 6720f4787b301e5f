"""The primitives: the operations of networks, each with its shape rule and its costs."""

from archbuilder.primitives.convolution import Convolution
from archbuilder.primitives.linear import Flatten, Linear
from archbuilder.primitives.merges import Add, Concat, Merge, Multiply
from archbuilder.primitives.normalization import BatchNorm, GroupNorm, LocalResponseNorm
from archbuilder.primitives.pointwise import Activation, ChannelShuffle, Dropout, Identity, Rescale
from archbuilder.primitives.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, MaxPool
from archbuilder.primitives.primitive import Primitive, Shape, ShapeError, shape_text

PRIMITIVES: dict[str, type[Primitive]] = {
    primitive.type: primitive
    for primitive in (
        Convolution,
        BatchNorm,
        GroupNorm,
        LocalResponseNorm,
        Activation,
        MaxPool,
        AvgPool,
        AdaptiveAvgPool,
        AdaptiveMaxPool,
        GlobalAvgPool,
        Dropout,
        ChannelShuffle,
        Identity,
        Rescale,
        Flatten,
        Linear,
    )
}
"""Every primitive by its `type` in a spec."""

MERGES: dict[str, type[Merge]] = {merge.type: merge for merge in (Concat, Add, Multiply)}
"""Every merge by its key in a spec."""

__all__ = [
    "MERGES",
    "PRIMITIVES",
    "Activation",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "Add",
    "AvgPool",
    "BatchNorm",
    "ChannelShuffle",
    "Concat",
    "Convolution",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "GroupNorm",
    "Identity",
    "Linear",
    "LocalResponseNorm",
    "MaxPool",
    "Merge",
    "Multiply",
    "Primitive",
    "Rescale",
    "Shape",
    "ShapeError",
    "shape_text",
]
