"""Modules of others that are one primitive of ours: of torchvision, of timm, and of Python source that was exported."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from archbuilder.importing.calls import declared_copy
from archbuilder.modules.layers import GlobalResponseNorm, StochasticDepth


def _row_depth(module: Any) -> nn.Module | None:
    return StochasticDepth(float(module.p)) if module.mode == "row" else None


def _drop_path(module: Any) -> nn.Module | None:
    return StochasticDepth(float(module.drop_prob or 0.0)) if module.scale_by_keep or not module.drop_prob else None


def _response_norm(module: Any) -> nn.Module | None:
    return GlobalResponseNorm(len(module.weight), eps=module.eps)


_FOREIGN: dict[str, Callable[[Any], nn.Module | None]] = {
    "torchvision.ops.stochastic_depth.StochasticDepth": _row_depth,
    "timm.layers.drop.DropPath": _drop_path,
    "timm.layers.grn.GlobalResponseNorm": _response_norm,
}
"""Their full names, and what makes the module of a primitive that does the same with the same state-dict keys."""


def _as(owner: type[nn.Module], module: nn.Module) -> nn.Module:
    """Return the same module as one of a class with the same code."""
    twin = owner.__new__(owner)
    twin.__dict__.update(module.__dict__)
    return twin


def equivalent(module: nn.Module) -> nn.Module | None:
    """Return the module of a primitive that does what a module of another library does; None if there is none."""
    make = _FOREIGN.get(f"{type(module).__module__}.{type(module).__qualname__}")
    if make is None:
        owner = declared_copy(type(module))
        return None if owner is None else _as(owner, module)
    with torch.device("meta"):
        return make(module)
