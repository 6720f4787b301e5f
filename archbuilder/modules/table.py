"""The torch module of each primitive."""

from collections.abc import Callable
from typing import Any

from torch import nn

from archbuilder.modules.layers import FixedAffine, PaddedConv2d, SameConv2d
from archbuilder.primitives import (
    Activation,
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    BatchNorm,
    ChannelShuffle,
    Convolution,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    Identity,
    Linear,
    LocalResponseNorm,
    MaxPool,
    Primitive,
    Rescale,
    Shape,
)

ACTIVATIONS: dict[str, Callable[..., nn.Module]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "hardswish": nn.Hardswish,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
}


def _convolution(op: Convolution, input_shape: Shape) -> nn.Module:
    if op.follows_size:
        return SameConv2d(
            input_shape[0], op.out_channels, op.kernel_size, stride=op.stride, dilation=op.dilation, groups=op.groups,
            bias=op.bias,
        )  # fmt: skip
    vertical, horizontal = op.sides(input_shape)
    symmetric = vertical[0] == vertical[1] and horizontal[0] == horizontal[1]
    keys: dict[str, Any] = {"stride": op.stride, "dilation": op.dilation, "groups": op.groups, "bias": op.bias}
    if symmetric:
        return nn.Conv2d(input_shape[0], op.out_channels, op.kernel_size, padding=(vertical[0], horizontal[0]), **keys)
    return PaddedConv2d(input_shape[0], op.out_channels, op.kernel_size, sides=(*horizontal, *vertical), **keys)


def _batch_norm(op: BatchNorm, input_shape: Shape) -> nn.Module:
    module = nn.BatchNorm2d(input_shape[0], eps=op.eps, momentum=op.momentum)
    if not op.scale:
        module.register_parameter("weight", None)
    if not op.shift:
        module.register_parameter("bias", None)
    return module


def _group_norm(op: GroupNorm, input_shape: Shape) -> nn.Module:
    return nn.GroupNorm(op.groups, input_shape[0], eps=op.eps, affine=op.affine)


def _local_response_norm(op: LocalResponseNorm, input_shape: Shape) -> nn.Module:
    return nn.LocalResponseNorm(op.size, alpha=op.alpha, beta=op.beta, k=op.k)


def _activation(op: Activation, input_shape: Shape) -> nn.Module:
    return ACTIVATIONS[op.function]()


def _max_pool(op: MaxPool, input_shape: Shape) -> nn.Module:
    return nn.MaxPool2d(op.kernel_size, op.steps, op.border, op.dilation, ceil_mode=op.ceil_mode)


def _avg_pool(op: AvgPool, input_shape: Shape) -> nn.Module:
    return nn.AvgPool2d(op.kernel_size, op.steps, op.border, op.ceil_mode, op.count_include_pad)


def _adaptive_avg_pool(op: AdaptiveAvgPool | GlobalAvgPool, input_shape: Shape) -> nn.Module:
    return nn.AdaptiveAvgPool2d(op.output_size)


def _adaptive_max_pool(op: AdaptiveMaxPool, input_shape: Shape) -> nn.Module:
    return nn.AdaptiveMaxPool2d(op.output_size)


def _dropout(op: Dropout, input_shape: Shape) -> nn.Module:
    return nn.Dropout(op.p)


def _channel_shuffle(op: ChannelShuffle, input_shape: Shape) -> nn.Module:
    return nn.ChannelShuffle(op.groups)


def _identity(op: Identity, input_shape: Shape) -> nn.Module:
    return nn.Identity()


def _rescale(op: Rescale, input_shape: Shape) -> nn.Module:
    return FixedAffine(op.scale, op.shift, dimensions=len(input_shape))


def _flatten(op: Flatten, input_shape: Shape) -> nn.Module:
    return nn.Flatten()


def _linear(op: Linear, input_shape: Shape) -> nn.Module:
    return nn.Linear(input_shape[0], op.out_features, bias=op.bias)


MODULES: dict[type[Primitive], Callable[[Any, Shape], nn.Module]] = {
    Convolution: _convolution,
    BatchNorm: _batch_norm,
    GroupNorm: _group_norm,
    LocalResponseNorm: _local_response_norm,
    Activation: _activation,
    MaxPool: _max_pool,
    AvgPool: _avg_pool,
    AdaptiveAvgPool: _adaptive_avg_pool,
    AdaptiveMaxPool: _adaptive_max_pool,
    GlobalAvgPool: _adaptive_avg_pool,
    Dropout: _dropout,
    ChannelShuffle: _channel_shuffle,
    Identity: _identity,
    Rescale: _rescale,
    Flatten: _flatten,
    Linear: _linear,
}
"""The function that creates the module of each primitive from the primitive and its input shape."""
