"""Weights inherited from a trained network with other widths."""

from collections.abc import Mapping, Sequence
from math import log

import torch
from torch import Tensor

from archbuilder.plan.origins import Layout, OpOrigins, origins, shared_channels
from archbuilder.plan.plan import Plan
from archbuilder.primitives import Merge, Weight
from archbuilder.primitives.facts import Axis


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
        ones elsewhere. No tensor shares memory with an argument.
    """
    ours, theirs = origins(plan), origins(donor)
    tensors, donated = _tensors(ours), _tensors(theirs)
    weights: dict[str, Tensor] = {}
    for key, value in fresh.items():
        weights[key] = value.clone()
        if key not in trained or key not in tensors or key not in donated:
            continue
        (name, weight), (donor_name, other) = tensors[key], donated[key]
        if _alike(weight, other, ours[name], theirs[donor_name]):
            _take_over(weights[key], trained[key].to(value), weight.axes, ours[name], theirs[donor_name])
    return weights


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


def _alike(ours: Weight, theirs: Weight, own: OpOrigins, other: OpOrigins) -> bool:
    """Return whether two tensors of layers are alike but for their channels: the same kernel, and the same grouping."""
    sizes = zip(ours.axes, ours.shape, theirs.shape, strict=False)
    same = ours.axes == theirs.axes and all(axis or size == another for axis, size, another in sizes)
    return same and _depthwise(own) == _depthwise(other)


def _depthwise(layer: OpOrigins) -> bool:
    return 1 < _groups(layer) == len(layer.input_channels)


def _groups(layer: OpOrigins) -> int:
    """Return the groups that a layer's channels stay in; a depthwise convolution's are its channels."""
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
        axes: What each of its dimensions runs over.
        ours: The channels of the layer.
        theirs: The channels of the donor's.
    """
    if "out" not in axes:
        tensor.copy_(trained)
        return
    # Dimension 0 becomes the output channels, dimension 1 the input channels of their group, if it runs over such.
    order = sorted(range(tensor.ndim), key=lambda axis: (axes[axis] == "", axes[axis] == "in"))
    tensor, trained = tensor.permute(order), trained.permute(order)
    if "in" not in axes or _depthwise(ours):
        own, other = _indexes(ours.output_channels, theirs.output_channels)
        tensor[own] = trained[other]
        return
    transposed = axes.index("in") < axes.index("out")  # where the groups divide the dimension of the inputs
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


def _indexes(own: Layout, other: Layout) -> tuple[Tensor, Tensor]:
    pairs = torch.tensor(shared_channels(own, other), dtype=torch.long).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
