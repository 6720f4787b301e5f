"""Functions of torch as the modules that they are: `F.relu` is `nn.ReLU`, `F.conv2d` with weights is `nn.Conv2d`."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from archbuilder.importing.trace import Held, Op
from archbuilder.modules.layers import L2Norm

_PLAIN: dict[str, tuple[type[nn.Module], str]] = {
    "relu": (nn.ReLU, ""),
    "relu6": (nn.ReLU6, ""),
    "silu": (nn.SiLU, ""),
    "gelu": (nn.GELU, "approximate"),
    "hardswish": (nn.Hardswish, ""),
    "hardsigmoid": (nn.Hardsigmoid, ""),
    "sigmoid": (nn.Sigmoid, ""),
    "tanh": (nn.Tanh, ""),
    "mish": (nn.Mish, ""),
    "softplus": (nn.Softplus, "beta threshold"),
    "leaky_relu": (nn.LeakyReLU, "negative_slope"),
    "elu": (nn.ELU, "alpha"),
    "celu": (nn.CELU, "alpha"),
    "selu": (nn.SELU, ""),
    "max_pool2d": (nn.MaxPool2d, "kernel_size stride padding dilation ceil_mode return_indices"),
    "avg_pool2d": (nn.AvgPool2d, "kernel_size stride padding ceil_mode count_include_pad divisor_override"),
    "adaptive_avg_pool2d": (nn.AdaptiveAvgPool2d, "output_size"),
    "adaptive_max_pool2d": (nn.AdaptiveMaxPool2d, "output_size"),
    "dropout": (nn.Dropout, "p"),
    "interpolate": (nn.Upsample, "size scale_factor mode align_corners"),
    "upsample": (nn.Upsample, "size scale_factor mode align_corners"),
    "pixel_shuffle": (nn.PixelShuffle, "upscale_factor"),
    "pixel_unshuffle": (nn.PixelUnshuffle, "downscale_factor"),
    "channel_shuffle": (nn.ChannelShuffle, "groups"),
    "softmax": (nn.Softmax, "dim"),
    "local_response_norm": (nn.LocalResponseNorm, "size alpha beta k"),
}
"""Functions without weights, the modules of the same operation, and their arguments after the input."""

_SKIPPED = frozenset(("training", "inplace", "dtype", "_stacklevel", "recompute_scale_factor", "antialias"))


def _conv2d(args: dict[str, Any]) -> nn.Module:
    out, inner, *kernel = args["weight"].tensor.shape
    groups = args.get("groups", 1)
    keys = {key: args[key] for key in ("stride", "padding", "dilation") if key in args}
    return nn.Conv2d(inner * groups, out, tuple(kernel), groups=groups, bias=_given(args, "bias"), **keys)


def _conv_transpose2d(args: dict[str, Any]) -> nn.Module:
    inner, out, *kernel = args["weight"].tensor.shape
    groups = args.get("groups", 1)
    keys = {key: args[key] for key in ("stride", "padding", "output_padding", "dilation") if key in args}
    return nn.ConvTranspose2d(inner, out * groups, tuple(kernel), groups=groups, bias=_given(args, "bias"), **keys)


def _linear(args: dict[str, Any]) -> nn.Module:
    out, inner = args["weight"].tensor.shape
    return nn.Linear(inner, out, bias=_given(args, "bias"))


def _batch_norm(args: dict[str, Any]) -> nn.Module:
    from archbuilder.modules.layers import PartialBatchNorm2d  # noqa: PLC0415

    channels = len(args["running_mean"].tensor)
    keys = {"eps": args.get("eps", 1e-5), "momentum": args.get("momentum", 0.1)}
    scale, shift = _given(args, "weight"), _given(args, "bias")
    if scale and shift:
        return nn.BatchNorm2d(channels, **keys)
    return PartialBatchNorm2d(channels, scale=scale, shift=shift, **keys)


def _layer_norm(args: dict[str, Any]) -> nn.Module:
    affine = _given(args, "weight")
    bias = affine and _given(args, "bias")
    return nn.LayerNorm(args["normalized_shape"], args.get("eps", 1e-5), elementwise_affine=affine, bias=bias)


def _group_norm(args: dict[str, Any]) -> nn.Module:
    channels = args["input"].shape[1]
    return nn.GroupNorm(args["num_groups"], channels, args.get("eps", 1e-5), affine=_given(args, "weight"))


def _prelu(args: dict[str, Any]) -> nn.Module:
    return nn.PReLU(args["weight"].tensor.numel())


_WEIGHTED: dict[str, tuple[Callable[[dict[str, Any]], nn.Module], str]] = {
    "conv2d": (_conv2d, "input weight bias stride padding dilation groups"),
    "conv_transpose2d": (_conv_transpose2d, "input weight bias stride padding output_padding groups dilation"),
    "linear": (_linear, "input weight bias"),
    "batch_norm": (_batch_norm, "input running_mean running_var weight bias training momentum eps"),
    "layer_norm": (_layer_norm, "input normalized_shape weight bias eps"),
    "group_norm": (_group_norm, "input num_groups weight bias eps"),
    "prelu": (_prelu, "input weight"),
}
"""Functions with weights: what makes the module, and their arguments."""

_NEEDED = {"conv2d": ("weight",), "linear": ("weight",), "batch_norm": ("running_mean", "running_var")}
_NEEDED |= {"conv_transpose2d": ("weight",), "prelu": ("weight",)}


def _given(args: dict[str, Any], key: str) -> bool:
    return args.get(key) is not None


_DROPS = frozenset(f"{kind}dropout" for kind in ("", "alpha_", "feature_", "feature_alpha_"))
_DROPS |= {f"dropout{dimensions}d" for dimensions in (1, 2, 3)}


def drops(op: Op) -> bool:
    """Return whether an operation is dropout that is at work."""
    if isinstance(op.module, _DropoutNd):
        return op.module.training and op.module.p > 0
    args = op.by_name("input p training")
    return op.name.removesuffix("_") in _DROPS and bool(args.get("training", True)) and args.get("p", 0.5) > 0


def as_module(op: Op) -> tuple[nn.Module, dict[str, Held]] | str | None:
    """Return the module that a function is, and its weights by their names in it.

    Returns:
        None for a function of another kind; for one that has no such module, what it lacks.
    """
    name = op.name.removesuffix("_")
    if name in _PLAIN:
        owner, words = _PLAIN[name]
        args = op.by_name(f"input {words}")
        given = {key: value for key, value in args.items() if key != "input" and key not in _SKIPPED}
        return _made(lambda: owner(**{key: value for key, value in given.items() if value is not None}), {})
    if name == "normalize":
        args = op.by_name("input p dim eps")
        if args.get("p", 2) == 2 and args.get("dim", 1) == 1:
            return L2Norm(eps=args.get("eps", 1e-12)), {}
        return "normalize over another dimension, or by another norm"
    if name not in _WEIGHTED:
        return None
    make, words = _WEIGHTED[name]
    args = op.by_name(words)
    weights = {key: args[key] for key in ("weight", "bias", "running_mean", "running_var") if _given(args, key)}
    if any(key not in weights for key in _NEEDED.get(name, ())) or not all(
        isinstance(held, Held) for held in weights.values()
    ):
        return "its weights are computed, or are no parameters of a module"
    return _made(lambda: make(args), weights)


def _made(make: Callable[[], nn.Module], weights: dict[str, Held]) -> tuple[nn.Module, dict[str, Held]] | str:
    try:
        with torch.device("meta"):
            return make(), weights
    except (TypeError, ValueError) as error:
        return str(error)
