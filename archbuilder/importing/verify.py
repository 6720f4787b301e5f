"""Compare a spec's network with the module that it was imported from."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from archbuilder.crosscheck.fvcore_count import count_with_fvcore
from archbuilder.modules.agreement import relative_difference
from archbuilder.network_spec import NetworkSpec

TOLERANCE = 1e-4
"""How far outputs may be apart, as a share of the largest value."""

_BATCH = 3


@dataclass(frozen=True)
class Comparison:
    """How a spec compares with a module.

    Attributes:
        keys: How many keys the module's state dict has.
        parameters: The trainable parameters of the module.
        macs: The multiply-adds that fvcore counts in the module; None if it cannot.
        planned_macs: Those of the spec.
        error: The largest difference of outputs, as a share of the largest value; None if they cannot be compared.
        differences: What is not equal.
        uncounted: Why fvcore cannot count the module; an empty string if it can.
    """

    keys: int
    parameters: int
    macs: int | None
    planned_macs: int
    error: float | None
    differences: tuple[str, ...]
    uncounted: str = ""


def compare(spec: NetworkSpec, module: nn.Module, heads: Mapping[str, str]) -> Comparison:
    """Compare keys, shapes, counts, and outputs with the same random weights and images.

    Args:
        spec: The spec.
        module: The module, whose weights are changed.
        heads: The name in the module's training output of each head.
    """
    plan = spec.plan()
    network = spec.build(initialized=False)
    own, other = ({key: tuple(t.shape) for key, t in each.state_dict().items()} for each in (module, network))
    differences = _keys_that_differ(own, other)
    parameters = sum(each.numel() for each in module.parameters())
    planned = plan.parameters + plan.head_parameters
    if parameters != planned:
        differences.append(f"{parameters:,} parameters in the module, {planned:,} in the spec")
    error = None
    if own.keys() == other.keys() and all(own[key] == other[key] for key in own):
        error = _largest_error(network, module, plan.input_shape, heads)
        if not error <= TOLERANCE:
            apart = f"differ by {error:.1e} of the largest value" if isfinite(error) else "are no numbers to compare"
            differences.append(f"with the same weights, outputs {apart}")
    macs, uncounted = None, ""
    try:
        macs = count_with_fvcore(module, plan.input_shape).total
    except Exception as failure:  # whatever its tracing raises for this module
        uncounted = shorten(f"{type(failure).__name__}: {failure}", 160, placeholder=" …")
    return Comparison(len(own), parameters, macs, plan.macs, error, tuple(differences), uncounted)


def _keys_that_differ(own: dict[str, Any], other: dict[str, Any]) -> list[str]:
    if list(own.items()) == list(other.items()):
        return []
    missing, more = [key for key in own if key not in other], [key for key in other if key not in own]
    found = []
    if missing:
        found.append(f"keys of the module that the spec lacks: {_some(missing)}")
    if more:
        found.append(f"keys of the spec that the module lacks: {_some(more)}")
    shapes = [f"{key} {own[key]}, {other[key]}" for key in own if key in other and own[key] != other[key]]
    if shapes:
        found.append(f"other shapes: {_some(shapes)}")
    if not found:
        first, instead = next((a, b) for a, b in zip(own, other, strict=True) if a != b)
        found.append(
            f"the state-dict keys stand in another order, from {first} on, where the spec has {instead}: a spec lists "
            "layers as they run, the module as they were made"
        )
    return found


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _largest_error(network: nn.Module, module: nn.Module, shape: tuple[int, ...], heads: Mapping[str, str]) -> float:
    state = module.state_dict()  # with the versions that some modules ask for
    for key, tensor in list(state.items()):
        state[key] = _random(key, tensor)
    module.load_state_dict(state)
    network.load_state_dict(state)
    images = torch.rand(_BATCH, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        error = _difference(module.eval()(images), network.eval()(images))
        if error > TOLERANCE:  # rounding adds up in deep networks: with twice the digits it does not
            error = _difference(module.double()(images.double()), network.double()(images.double()))
            module.float()
            network.float()
        if heads:
            with _WithoutDropout():
                outputs, own = _steady(module)(images), _steady(network)(images)
            named = outputs if isinstance(outputs, dict) else outputs._asdict() if hasattr(outputs, "_asdict") else None
            for name, key in heads.items():
                theirs = named[key] if named is not None else outputs[int(key)]
                error = max(error, _difference(theirs, getattr(own, name)))
        module.eval()
    return error


def _steady(module: nn.Module) -> nn.Module:
    """Return a module in training, as it gives its heads, but for what is random there: its innermost modules."""
    module.train()
    for child in module.modules():
        if not any(True for _ in child.children()):
            child.eval()
    return module


def _difference(one: Any, other: Any) -> float:
    """Return the relative difference of the outputs of a module and of its spec's; infinity if one is no tensor."""
    while isinstance(one, list | tuple | dict) and len(one) == 1:
        one = next(iter(one.values())) if isinstance(one, dict) else one[0]
    return relative_difference(other, one) if isinstance(one, Tensor) else float("inf")


def _random(key: str, tensor: Tensor) -> Tensor:
    """Return random values in which nothing cancels or vanishes: norms near 1, weights that keep the scale."""
    if not tensor.is_floating_point():
        return tensor
    generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    values = torch.rand(tensor.shape, generator=generator) * 2 - 1
    if key.endswith("running_var"):
        return values.abs().mul(0.5).add(1)
    if key.endswith(("bias", "running_mean")):
        return values.mul(0.1)
    if tensor.ndim < 2 or tensor.shape[1:].numel() == 1:  # of norms, slopes, factors
        return values.mul(0.2).add(1)
    return values.mul((6.0 / tensor.shape[1:].numel()) ** 0.5)


class _WithoutDropout(TorchFunctionMode):
    """While it is entered, dropout passes its input through in training, too."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (functional.dropout, functional.dropout2d, torch.dropout):
            return args[0] if args else (kwargs or {})["input"]
        return func(*args, **(kwargs or {}))
