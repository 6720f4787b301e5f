"""Weights inherited from a trained network with other widths."""

from collections.abc import Mapping, Sequence
from math import log

import torch
from torch import Tensor

from archbuilder.plan.origins import Layout, OpOrigins, Ranks, origins, shared_channels
from archbuilder.plan.plan import Plan
from archbuilder.primitives import Merge, Weight
from archbuilder.primitives.facts import Axis


def inherited_weights(
    plan: Plan, fresh: Mapping[str, Tensor], donor: Plan, trained: Mapping[str, Tensor], ranks: Ranks | None = None
) -> dict[str, Tensor]:
    """Inherit the weights that a network shares with a trained one of the same spec with other widths.

    Channels are identified by their origin, not by their position: if the first branch of a concatenation grows, the
    weights for the channels of the second branch move. A network that only grows, and whose fresh weights of new input
    channels are 0, computes the same function as the donor (the idea of Net2Net, Chen et al., 2015, arXiv:1511.05641),
    except with group and local response norms, which mix channels.

    Args:
        plan: The plan of the network.
        fresh: Its initialized state dict.
        donor: The plan of the trained network.
        trained: The state dict of that.
        ranks: The order in which the donor's channels are taken, of some origins; by default the first are.

    Returns:
        The network's state dict: trained values where both networks have the layer, its kernel and the channels; fresh
        ones elsewhere. No tensor shares memory with an argument.
    """
    weights = {key: value.clone() for key, value in fresh.items()}
    for key, (axes, own, other) in _shared(plan, donor, ranks).items():
        if key in trained and key in fresh:
            _take_over(weights[key], trained[key].to(fresh[key]), axes, own, other)
    return weights


def inheritable(plan: Plan, donor: Plan) -> frozenset[str]:
    """Return the keys of the state dict of which a network has any from a trained one, as `inherited_weights` does."""
    return frozenset(_shared(plan, donor))


def _shared(
    plan: Plan, donor: Plan, ranks: Ranks | None = None
) -> dict[str, tuple[Sequence[Axis], OpOrigins, OpOrigins]]:
    """Return the tensors of layers that two networks have alike: their dimensions, and the channels of both layers."""
    ours, theirs = origins(plan), origins(donor, ranks)
    tensors, donated = _tensors(ours), _tensors(theirs)
    found: dict[str, tuple[Sequence[Axis], OpOrigins, OpOrigins]] = {}
    for key in tensors.keys() & donated.keys():
        (name, weight), (donor_name, other) = tensors[key], donated[key]
        if _alike(weight, other, ours[name], theirs[donor_name]):
            found[key] = weight.axes, ours[name], theirs[donor_name]
    return found


def _tensors(layers: Mapping[str, OpOrigins]) -> dict[str, tuple[str, Weight]]:
    """Return the layer and the declaration of every tensor of the state dict, by its key."""
    found = {}
    for name, layer in layers.items():
        assert not isinstance(layer.op.op, Merge)
        for weight in layer.op.op.weights(layer.op.input_shapes[0]):
            found[f"{name}.{weight.name}".rstrip(".")] = name, weight
    return found


def distance(a: Mapping[str, int], b: Mapping[str, int]) -> float:
    """Return the distance of two candidates: the sum of |log((1 + a) / (1 + b))| over the widths, of which some are 0.

    Args:
        a: Widths by name.
        b: The same widths of the other network.
    """
    assert a.keys() == b.keys()
    return sum(abs(log((1 + width) / (1 + b[name]))) for name, width in a.items())


def _alike(ours: Weight, theirs: Weight, our_layer: OpOrigins, their_layer: OpOrigins) -> bool:
    """Return whether two tensors of layers differ only in channels: they have the same kernel and the same grouping."""
    sizes = zip(ours.axes, ours.shape, theirs.shape, strict=False)
    same = ours.axes == theirs.axes and all(axis or size == another for axis, size, another in sizes)
    return same and _depthwise(our_layer) == _depthwise(their_layer)


def _depthwise(layer: OpOrigins) -> bool:
    return 1 < _groups(layer) == len(layer.input_channels)


def _groups(layer: OpOrigins) -> int:
    """Return the number of groups of a layer's channels; for a depthwise convolution, the number of channels."""
    return int(getattr(layer.op.op, "groups", 1)) if _mixes(layer) else 1


def _mixes(layer: OpOrigins) -> bool:
    """Return whether the layer has weights between channels."""
    assert not isinstance(layer.op.op, Merge)
    return any("in" in weight.axes for weight in layer.op.op.weights(layer.op.input_shapes[0]))


def _take_over(tensor: Tensor, trained: Tensor, axes: Sequence[Axis], ours: OpOrigins, theirs: OpOrigins) -> None:
    """Copy the shared part of a layer's tensor in place.

    Args:
        tensor: The layer's tensor.
        trained: The donor's.
        axes: The channels that each of its dimensions runs over; see `Weight.axes`.
        ours: The origins of the layer's channels.
        theirs: The origins of the channels of the donor's layer.
    """
    if "out" not in axes:
        tensor.copy_(trained)
        return
    # Move the output channels to dimension 0, and the input channels of their group, if any, to dimension 1.
    order = sorted(range(tensor.ndim), key=lambda axis: (axes[axis] == "", axes[axis] == "in"))
    tensor, trained = tensor.permute(order), trained.permute(order)
    if "in" not in axes or _depthwise(ours):
        rows_to, rows_from = _indexes(ours.output_channels, theirs.output_channels)
        tensor[rows_to] = trained[rows_from]
        return
    transposed = axes.index("in") < axes.index("out")  # groups then divide the dimension of the inputs
    count = min(_groups(ours), _groups(theirs))
    parts = zip(_split(tensor, ours, transposed)[:count], _split(trained, theirs, transposed)[:count], strict=True)
    for (part, outputs, inputs), (trained_part, their_outputs, their_inputs) in parts:
        rows, their_rows = _indexes(outputs, their_outputs)
        columns, their_columns = _indexes(inputs, their_inputs)
        part[rows[:, None], columns] = trained_part[their_rows[:, None], their_columns]


def _split(tensor: Tensor, layer: OpOrigins, transposed: bool) -> list[tuple[Tensor, Layout, Layout]]:
    """Return each group's weights, a view, and its output and input channels."""
    groups = _groups(layer)
    rows, size = len(layer.output_channels) // groups, len(layer.input_channels) // groups
    parts = []
    for group in range(groups):
        out, into = slice(group * rows, (group + 1) * rows), slice(group * size, (group + 1) * size)
        part = tensor[:, into] if transposed else tensor[out]
        parts.append((part, layer.output_channels[out], layer.input_channels[into]))
    return parts


def _indexes(layout: Layout, other: Layout) -> tuple[Tensor, Tensor]:
    pairs = torch.tensor(shared_channels(layout, other), dtype=torch.long).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
