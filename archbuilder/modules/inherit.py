"""Weights inherited from a trained network with other widths."""

from collections.abc import Mapping
from math import log

import torch
from torch import Tensor

from archbuilder.plan.origins import Layout, OpOrigins, origins, shared_channels
from archbuilder.plan.plan import Plan
from archbuilder.primitives import Convolution


def inherited_weights(
    plan: Plan, fresh: Mapping[str, Tensor], donor: Plan, trained: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Inherit the weights that a network shares with a trained one of the same spec with other widths.

    Channels are identified by their origin, not by their position: after a concatenation of which the first branch has
    grown, the weights of the second branch's channels move up. A network that has only grown, and whose fresh weights
    of new input channels are 0, computes what the donor does (Chen et al., 2015, Net2Net, arXiv:1511.05641, has the
    idea of starting from a smaller network's function); group and local response norms, which mix channels, excepted.

    Args:
        plan: The plan of the network.
        fresh: Its state dict as it is initialized.
        donor: The plan of the trained network.
        trained: The state dict of that.

    Returns:
        The network's state dict: trained values where both networks have the layer, its kernel and the channels; fresh
        ones elsewhere. No tensor is shared with those given.
    """
    ours, theirs = origins(plan), origins(donor)
    weights: dict[str, Tensor] = {}
    for key, value in fresh.items():
        weights[key] = value.clone()
        layer = key.rpartition(".")[0]
        if key in trained and layer in theirs and _alike(ours[layer], theirs[layer]):
            _take_over(weights[key], trained[key].to(value), ours[layer], theirs[layer])
    return weights


def distance(a: Mapping[str, int], b: Mapping[str, int]) -> float:
    """Return the distance of two candidates: the sum of |log((1 + a) / (1 + b))| over the widths, of which some are 0.

    Args:
        a: Widths by site.
        b: Widths of the same sites.
    """
    assert a.keys() == b.keys()
    return sum(abs(log((1 + width) / (1 + b[site]))) for site, width in a.items())


def _alike(ours: OpOrigins, theirs: OpOrigins) -> bool:
    """Return whether two layers have compatible weights: the same kernel size."""
    one, other = ours.op.op, theirs.op.op
    if isinstance(one, Convolution) and isinstance(other, Convolution):
        return one.kernel_size == other.kernel_size and _depthwise(ours) == _depthwise(theirs)
    return type(one) is type(other)


def _depthwise(layer: OpOrigins) -> bool:
    return 1 < _groups(layer) == len(layer.input_channels)


def _groups(layer: OpOrigins) -> int:
    return layer.op.op.groups if isinstance(layer.op.op, Convolution) else 1


def _take_over(tensor: Tensor, trained: Tensor, ours: OpOrigins, theirs: OpOrigins) -> None:
    """Copy the shared part of a layer's tensor in place.

    Args:
        tensor: out x in / groups x ... of a convolution or a linear layer, one number for each channel, or a count.
        trained: The donor's.
        ours: The channels of the layer.
        theirs: The channels of the donor's.
    """
    if tensor.ndim == 0:
        tensor.copy_(trained)
    elif tensor.ndim == 1 or _depthwise(ours):
        own, other = _indexes(ours.output_channels, theirs.output_channels)
        tensor[own] = trained[other]
    else:
        count = min(_groups(ours), _groups(theirs))
        for one, another in zip(_split(tensor, ours)[:count], _split(trained, theirs)[:count], strict=True):
            (part, outputs, inputs), (trained_part, their_outputs, their_inputs) = one, another
            rows, their_rows = _indexes(outputs, their_outputs)
            columns, their_columns = _indexes(inputs, their_inputs)
            part[rows[:, None], columns] = trained_part[their_rows[:, None], their_columns]


def _split(tensor: Tensor, layer: OpOrigins) -> list[tuple[Tensor, Layout, Layout]]:
    """Return each group's weights, a view, and its output and input channels."""
    groups = _groups(layer)
    rows, size = len(layer.output_channels) // groups, len(layer.input_channels) // groups
    parts = []
    for group in range(groups):
        out, into = slice(group * rows, (group + 1) * rows), slice(group * size, (group + 1) * size)
        parts.append((tensor[out], layer.output_channels[out], layer.input_channels[into]))
    return parts


def _indexes(own: Layout, other: Layout) -> tuple[Tensor, Tensor]:
    pairs = torch.tensor(shared_channels(own, other), dtype=torch.long).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
