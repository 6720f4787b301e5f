"""Folding of batch norms and other factors and shifts of channels into the convolution or linear layer beside them."""

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from archbuilder.inference.straight import calls, module_of, parameter_of, replace
from archbuilder.modules.layers import FixedAffine, PaddedConv2d, PositionLinear, SameConv2d

_Product = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


@dataclass(frozen=True)
class Affine:
    """`scale * x + shift` for each channel, in float64.

    Attributes:
        scale: One factor, or one for each channel.
        shift: Likewise; None if nothing is added.
        of_maps: Whether the channels are those of a map, N x C x H x W, or of a vector; None if it does not matter.
    """

    scale: Tensor
    shift: Tensor | None
    of_maps: bool | None


def fold(line: fx.GraphModule) -> int:
    """Fold every affine that can be folded exactly; return how many.

    One that follows a convolution or a linear layer becomes part of its weights and bias. One that precedes
    convolutions does if none of them pads with zeros, which would have to become the shift; without a shift it always
    does. What is left stays as it was.
    """
    folded = 0
    for node in list(line.graph.nodes):
        affine = affine_of(line, node)
        if affine is not None and (_into_producer(line, node, affine) or _into_consumers(line, node, affine)):
            replace(node, node.args[0])
            folded += 1
    return folded


def affine_of(line: fx.GraphModule, node: fx.Node) -> Affine | None:
    """Return what a node does to each channel, if that is an affine function; else None."""
    module = module_of(line, node)
    if isinstance(module, _BatchNorm) and module.running_mean is not None and module.running_var is not None:
        scale = (module.running_var.double() + module.eps).rsqrt()
        if module.weight is not None:
            scale = module.weight.double() * scale
        shift = -module.running_mean.double() * scale
        if module.bias is not None:
            shift = shift + module.bias.double()
        return Affine(scale.detach(), shift.detach(), not isinstance(module, nn.BatchNorm1d))
    if isinstance(module, FixedAffine):
        of_maps = True if 3 in {module.scale.ndim, module.shift.ndim} else None
        if of_maps is None and module.scale.ndim + module.shift.ndim:
            of_maps = False
        shift = module.shift.double().flatten()
        return Affine(module.scale.double().flatten(), shift if shift.any() else None, of_maps)
    if node.op == "call_function" and node.target is operator.mul and len(node.args) == 2:
        factors = parameter_of(line, node.args[1])
        if factors is not None and factors.numel() == max(factors.shape):
            return Affine(factors.double().flatten().detach(), None, factors.ndim == 3)
    return None


def _into_producer(line: fx.GraphModule, node: fx.Node, affine: Affine) -> bool:
    """Fold an affine into the layer that makes its input, if nothing else uses that."""
    producer: Any = node.args[0]
    module = module_of(line, producer)
    if not isinstance(module, _Product) or len(producer.users) > 1 or calls(line, producer) > 1:
        return False
    if not _same_channels(module, affine):
        return False
    weight = module.weight.double()
    axis = 1 if isinstance(module, nn.ConvTranspose2d) else 0
    groups = module.groups if isinstance(module, nn.ConvTranspose2d) else 1
    channels = weight.shape[axis] * groups
    scale = affine.scale.expand(channels)
    bias = torch.zeros_like(scale) if module.bias is None else module.bias.double() * scale
    if affine.shift is not None:
        bias = bias + affine.shift
    # The output channels of a transposed convolution are numbered group by group, as its input channels are.
    grouped = weight.reshape(
        groups, -1, *weight.shape[1:]
    )  # groups x in / groups x out / groups; 1 x out x in / groups
    trailing = [1] * (weight.ndim - 1 - axis)
    factors = scale.view(groups, *([1] if axis else []), -1, *trailing)
    _set(module, (grouped * factors).flatten(0, 1), bias)
    return True


def _into_consumers(line: fx.GraphModule, node: fx.Node, affine: Affine) -> bool:
    """Fold an affine into all layers that use its output, if each of them allows it."""
    users = [(user, module_of(line, user)) for user in node.users]
    if not users or not all(_takes(line, user, module, affine) for user, module in users):
        return False
    for _, module in users:
        assert isinstance(module, _Product)
        weight = module.weight.double()
        if isinstance(module, nn.ConvTranspose2d):
            bias = None if module.bias is None else module.bias.double()
            _set(module, weight * affine.scale.view(-1, 1, 1, 1), bias)
            continue
        groups = module.groups if isinstance(module, nn.Conv2d) else 1
        channels = weight.shape[1] * groups
        grouped = weight.reshape(groups, -1, *weight.shape[1:])  # groups x out / groups x in / groups (x kh x kw)
        trailing = [1] * (weight.ndim - 2)
        bias = None if module.bias is None else module.bias.double()
        if affine.shift is not None:
            shifts = affine.shift.expand(channels).view(groups, 1, -1, *trailing)
            added = (grouped * shifts).flatten(2).sum(2).flatten()
            bias = added if bias is None else bias + added
        scale = affine.scale.expand(channels).view(groups, 1, -1, *trailing)
        _set(module, (grouped * scale).flatten(0, 1), bias)
    return True


def _takes(line: fx.GraphModule, user: fx.Node, module: nn.Module | None, affine: Affine) -> bool:
    """Say whether a layer can take the affine of its input into its weights exactly."""
    if not isinstance(module, _Product) or calls(line, user) > 1 or not _same_channels(module, affine):
        return False
    if affine.shift is None:
        return True
    return not isinstance(module, nn.ConvTranspose2d) and not (isinstance(module, nn.Conv2d) and _pads_zeros(module))


def _same_channels(module: nn.Module, affine: Affine) -> bool:
    """Say whether the channels of an affine are those of a layer: torch.nn.Linear has those of vectors."""
    maps = not isinstance(module, nn.Linear) or isinstance(module, PositionLinear)
    return affine.of_maps is None or affine.of_maps == maps


def _pads_zeros(module: nn.Conv2d) -> bool:
    """Say whether a convolution sees zeros outside its input; copies of the input are scaled and shifted like it."""
    if module.padding_mode != "zeros":
        return False
    if isinstance(module, SameConv2d):
        return module.kernel_size != (1, 1)
    sides = module.sides if isinstance(module, PaddedConv2d) else module.padding
    if isinstance(sides, str):
        return sides == "same" and module.kernel_size != (1, 1)
    return any(sides)


def _set(module: _Product, weight: Tensor, bias: Tensor | None) -> None:
    """Give a layer other weights, in its own type."""
    dtype = module.weight.dtype
    module.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    if bias is not None:
        module.bias = nn.Parameter(bias.to(dtype), requires_grad=False)
