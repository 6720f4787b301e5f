"""The primitives: the operations of networks, each one declaration of its keys, shapes, costs and torch call.

Every module of this package is imported, and each class in it that has a `type` is a primitive or a merge: to add one,
write a class. `register` adds one from outside.
"""

from importlib import import_module
from inspect import isclass
from pkgutil import iter_modules
from typing import TypeVar

from archbuilder.primitives.activation import ACTIVATIONS, Activation
from archbuilder.primitives.convolution import Convolution
from archbuilder.primitives.facts import (
    Call,
    Channels,
    Counters,
    Gathered,
    New,
    Reordered,
    Same,
    Shape,
    Spread,
    Weight,
    Window,
)
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.linear import Flatten, Linear
from archbuilder.primitives.merges import Concat, Merge
from archbuilder.primitives.normalization import BatchNorm, GroupNorm
from archbuilder.primitives.parts import Part
from archbuilder.primitives.pointwise import Dropout, Identity
from archbuilder.primitives.pooling import AvgPool, MaxPool
from archbuilder.primitives.primitive import (
    Elementwise,
    KeepsChannels,
    OneTensor,
    PositionByPosition,
    Primitive,
    ShapeError,
    Uncounted,
    Weightless,
    expect_groups,
    expect_map,
    shape_text,
)

_Kind = TypeVar("_Kind", type[Primitive], type[Merge])


def _declared(kind: _Kind) -> dict[str, _Kind]:
    """Find the declarations of the package's modules by type, in the order of their definition."""
    found: dict[str, _Kind] = {}
    for module in iter_modules(__path__, f"{__name__}."):
        for value in vars(import_module(module.name)).values():
            is_declaration = isclass(value) and issubclass(value, kind) and "type" in value.__dict__
            if is_declaration and found.setdefault(value.type, value) is not value:
                raise TypeError(f"two primitives have the type {value.type!r}: {found[value.type]} and {value}")
    return found


PRIMITIVES: dict[str, type[Primitive]] = {
    type_: primitive for type_, primitive in _declared(Primitive).items() if type_.isidentifier()
}
"""Every primitive by its `type` in a spec; a type in brackets is one that the language adds by itself."""

MERGES: dict[str, type[Merge]] = _declared(Merge)
"""Every merge by its key in a spec."""

__all__ = [
    "ACTIVATIONS",
    "MERGES",
    "PRIMITIVES",
    "Activation",
    "Allocation",
    "AvgPool",
    "BatchNorm",
    "Call",
    "Channels",
    "Concat",
    "Convolution",
    "Counters",
    "Dropout",
    "Elementwise",
    "Flatten",
    "Gathered",
    "GroupNorm",
    "Identity",
    "KeepsChannels",
    "Kept",
    "Linear",
    "MaxPool",
    "Merge",
    "New",
    "OneTensor",
    "Part",
    "PositionByPosition",
    "Primitive",
    "Reordered",
    "Same",
    "Shape",
    "ShapeError",
    "Spread",
    "Uncounted",
    "Weight",
    "Weightless",
    "Window",
    "expect_groups",
    "expect_map",
    "shape_text",
]
