"""One row for each primitive: the torch module that runs it."""

from collections.abc import Callable
from typing import Any

from torch import nn

from archbuilder.primitives import (
    Activation,
    AdaptiveAvgPool,
    AvgPool,
    BatchNorm,
    Convolution,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Primitive,
    Shape,
)

ACTIVATIONS: dict[str, Callable[..., nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "hardswish": nn.Hardswish,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
}


def _convolution(op: Convolution, arriving: Shape) -> nn.Module:
    return nn.Conv2d(
        arriving[0],
        op.out_channels,
        op.kernel_size,
        stride=op.stride,
        padding=op.padding,
        dilation=op.dilation,
        groups=op.groups,
        bias=op.bias,
    )


def _batch_norm(op: BatchNorm, arriving: Shape) -> nn.Module:
    return nn.BatchNorm2d(arriving[0], eps=op.eps)


def _activation(op: Activation, arriving: Shape) -> nn.Module:
    return ACTIVATIONS[op.function]()


def _max_pool(op: MaxPool, arriving: Shape) -> nn.Module:
    return nn.MaxPool2d(op.kernel_size, op.steps, op.padding, ceil_mode=op.ceil_mode)


def _avg_pool(op: AvgPool, arriving: Shape) -> nn.Module:
    return nn.AvgPool2d(op.kernel_size, op.steps, op.padding, op.ceil_mode, op.count_include_pad)


def _adaptive_avg_pool(op: AdaptiveAvgPool | GlobalAvgPool, arriving: Shape) -> nn.Module:
    return nn.AdaptiveAvgPool2d(op.output_size)


def _dropout(op: Dropout, arriving: Shape) -> nn.Module:
    return nn.Dropout(op.p)


def _flatten(op: Flatten, arriving: Shape) -> nn.Module:
    return nn.Flatten()


def _linear(op: Linear, arriving: Shape) -> nn.Module:
    return nn.Linear(arriving[0], op.out_features, bias=op.bias)


MODULES: dict[type[Primitive], Callable[[Any, Shape], nn.Module]] = {
    Convolution: _convolution,
    BatchNorm: _batch_norm,
    Activation: _activation,
    MaxPool: _max_pool,
    AvgPool: _avg_pool,
    AdaptiveAvgPool: _adaptive_avg_pool,
    GlobalAvgPool: _adaptive_avg_pool,
    Dropout: _dropout,
    Flatten: _flatten,
    Linear: _linear,
}
"""What makes the module of each primitive, from the primitive and the shape that arrives."""
