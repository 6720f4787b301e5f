"""The torch call of an operation as a person would write it: arguments by name, without those at their defaults."""

import inspect
from functools import cache
from typing import Any

from archbuilder.modules.calls import resolve
from archbuilder.primitives import Call

_PAIRS = {"kernel_size", "stride", "padding", "output_padding", "dilation", "output_size", "scale_factor", "size"}
"""The arguments of torch's modules that take one number for both directions."""

CHANNELS_IN = {"in_channels", "in_features", "num_features", "num_channels", "normalized_shape", "channels"}
"""The arguments that are the number of input channels."""


@cache
def _signature(target: str) -> inspect.Signature:
    return inspect.signature(resolve(target))


def arguments_of(call: Call) -> dict[str, Any]:
    """Return the arguments of a call by name, in the order of the signature, without those at their defaults."""
    signature = _signature(call.target)
    bound = signature.bind(*call.args, **call.kwargs).arguments
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    paired = call.target.startswith("torch.nn.")
    found: dict[str, Any] = {}
    for name, value in bound.items():
        if kinds[name] is inspect.Parameter.VAR_KEYWORD:
            base = _signature(_base(call.target))
            found |= {key: given for key, given in value.items() if not _is_default(given, base, key, paired=True)}
        elif kinds[name] is inspect.Parameter.VAR_POSITIONAL:
            found[f"*{name}"] = value
        elif not _is_default(value, signature, name, paired=paired):
            found[name] = value
    if paired:
        found = {name: _simplest(name, value) for name, value in found.items()}
        if "Pool2d" in call.target and found.get("stride") == found.get("kernel_size"):
            found.pop("stride", None)
    return found


def _base(target: str) -> str:
    """Return the torch class that a class passes its further keys to."""
    for parent in resolve(target).__mro__:
        if parent.__module__.startswith("torch.nn.") and not parent.__name__.startswith("_"):
            return f"torch.nn.{parent.__name__}"
    return target


def _is_default(value: Any, signature: inspect.Signature, name: str, *, paired: bool) -> bool:
    if name not in signature.parameters:
        return False
    default = signature.parameters[name].default
    if name == "p":  # of dropout, which says more than its default
        return False
    plain = default is not inspect.Parameter.empty
    return (
        plain
        and (_simplest(name, value) if paired else value) == default
        and isinstance(value, bool) == isinstance(default, bool)
    )


def _simplest(name: str, value: Any) -> Any:
    if name in _PAIRS and isinstance(value, tuple) and len(value) == 2 and value[0] == value[1]:
        return value[0]
    return value


def is_positional(target: str, name: str) -> bool:
    """Return whether an argument is written without its name: those that must be given, and the p of dropout."""
    parameter = _signature(target).parameters.get(name)
    if parameter is None or parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        return False
    return parameter.default is inspect.Parameter.empty or target.startswith("torch.nn.Dropout")


def default_of(target: str, name: str) -> Any:
    """Return the default of an argument."""
    signature = _signature(target)
    if name not in signature.parameters:
        signature = _signature(_base(target))
    return signature.parameters[name].default


def order_of(target: str, name: str) -> int:
    """Return the place of an argument in the signature; those that a class passes on come last, in their own order."""
    own = [key for key in _signature(target).parameters if key != "keys"]
    return [*own, *_signature(_base(target)).parameters].index(name)
