"""The torch objects that primitives and merges name."""

from functools import cache, reduce
from importlib import import_module
from typing import Any

from torch import nn

from archbuilder.primitives import ACTIVATIONS, Call


@cache
def resolve(target: str) -> Any:
    """Return the object of a full name, such as `torch.nn.Conv2d`."""
    module, _, name = target.rpartition(".")
    return getattr(import_module(module), name)


def make(call: Call) -> Any:
    """Make the module, or the parameter, that a primitive's call describes."""
    return resolve(call.target)(*call.args, **call.kwargs)


def activation_classes() -> dict[str, type[nn.Module]]:
    """Return the module class of every activation by its name."""
    return {name: resolve(function.target) for name, function in ACTIVATIONS.items()}


def merged(target: str, *, pairwise: bool) -> Any:
    """Return a function of a list of tensors, N x C x H x W each, from the torch function that a merge names."""
    function = resolve(target)
    if pairwise:
        return lambda tensors: reduce(function, tensors)
    return lambda tensors: function(list(tensors), dim=1)
