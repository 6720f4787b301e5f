"""How much each channel of a trained network matters."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archbuilder.plan.origins import Layout, OpOrigins, origins
from archbuilder.plan.plan import Plan, PlannedOp
from archbuilder.primitives import Primitive

Tensors: TypeAlias = Mapping[str, Tensor]
Importances: TypeAlias = Mapping[frozenset[str], NDArray[np.float64]]
"""The importance of every channel, by its origin and number."""


@dataclass(frozen=True)
class Importance:
    """How important the output channels of a layer are, by what it has learned.

    To use one of your own, add it with `archbuilder.register`.

    Attributes:
        name: Its name, as `--importance` takes it.
        description: What it is, and its source.
        of: Computes the importance of each output channel of an operation, from its parameters by name, such as
            `weight`, with the channels as the first dimension, and from the gradients of the loss with respect to
            them; None where the operation says nothing. The mean is taken over the operations that a channel passes.
        needs_gradients: Whether it reads gradients, for which images are needed; it is then the mean over batches.
    """

    name: str
    description: str
    of: Callable[[PlannedOp, Tensors, Tensors], Tensor | None]
    needs_gradients: bool = False


def _magnitude(op: PlannedOp, values: Tensors, gradients: Tensors) -> Tensor | None:
    """Return the norm of each channel's kernel; the mean of a layer is 1, so that layers can be compared."""
    weight = values.get("weight")
    if weight is None or weight.ndim < 2:
        return None
    norms = weight.flatten(1).norm(dim=1)
    relative: Tensor = norms / norms.mean().clamp_min(1e-12)
    return relative


def _batch_norm(op: PlannedOp, values: Tensors, gradients: Tensors) -> Tensor | None:
    return values["weight"].abs() if op.op.type == "batch_norm" and "weight" in values else None


def _taylor(op: PlannedOp, values: Tensors, gradients: Tensors) -> Tensor | None:
    if "bias" not in values:  # a norm follows, and says more
        return None
    products = [(gradients[name] * value).reshape(len(value), -1).sum(dim=1) for name, value in values.items()]
    return torch.stack(products).sum(dim=0).square()


IMPORTANCES: dict[str, Importance] = {
    importance.name: importance
    for importance in (
        Importance(
            "magnitude",
            "the norm of each channel's weights, relative to the mean of its layer (Li et al., 2017, arXiv:1608.08710)",
            _magnitude,
        ),
        Importance(
            "batch_norm",
            "the absolute scale of batch norms (Liu et al., 2017, arXiv:1708.06519)",
            _batch_norm,
        ),
        Importance(
            "taylor",
            "the square of the first-order change of the loss if the channel is 0 (Molchanov et al., 2019, "
            "arXiv:1906.10771)",
            _taylor,
            needs_gradients=True,
        ),
    )
}
"""Every importance by its name."""


def channel_importances(
    importance: Importance, plan: Plan, parameters: Tensors, losses: Iterable[Callable[[], Tensor]] = ()
) -> Importances:
    """Return the importance of every channel of a network.

    Channels that are tied, such as those of a residual stream, are one channel, and parts of a channel, such as its
    positions in a flattened map, belong to it. A channel of which no layer says anything has the importance 1, the
    mean of a layer's magnitudes.

    Args:
        importance: How it is computed.
        plan: The plan of the network.
        parameters: Its parameters by name, as `dict(network.named_parameters())` has them; they are not changed.
        losses: Functions that each compute the loss of one batch, if gradients are needed.
    """
    layers = origins(plan)
    votes = _Votes(layers)
    if not importance.needs_gradients:
        votes.add(importance, parameters, {})
    for loss in losses if importance.needs_gradients else ():
        found = torch.autograd.grad(loss(), [*parameters.values()], allow_unused=True)
        gradients = {
            key: torch.zeros_like(value) if gradient is None else gradient
            for (key, value), gradient in zip(parameters.items(), found, strict=True)
        }
        votes.add(importance, parameters, gradients)
    return votes.means()


class _Votes:
    """The sum and the number of what operations say about each channel."""

    def __init__(self, layers: Mapping[str, OpOrigins]) -> None:
        self._layers = layers
        sizes: dict[frozenset[str], int] = {}
        for layer in layers.values():
            for channel in (*layer.whole_inputs, *layer.whole_outputs):
                sizes[channel.origin] = max(sizes.get(channel.origin, 0), channel.number + 1)
        self._sums = {origin: np.zeros(size) for origin, size in sizes.items()}
        self._counts = {origin: np.zeros(size) for origin, size in sizes.items()}

    def add(self, importance: Importance, parameters: Tensors, gradients: Tensors) -> None:
        with torch.no_grad():
            for name, layer in self._layers.items():
                values, slopes = _per_channel(name, layer, parameters), _per_channel(name, layer, gradients)
                if values and (found := importance.of(layer.op, values, slopes)) is not None:
                    self._note(layer.whole_outputs, found.double().cpu().numpy())

    def _note(self, channels: Layout, found: NDArray[np.float64]) -> None:
        for channel, value in zip(channels, found, strict=True):
            self._sums[channel.origin][channel.number] += value
            self._counts[channel.origin][channel.number] += 1

    def means(self) -> Importances:
        return {
            origin: np.where(self._counts[origin] > 0, total / np.maximum(self._counts[origin], 1), 1.0)
            for origin, total in self._sums.items()
        }


def _per_channel(name: str, layer: OpOrigins, tensors: Tensors) -> dict[str, Tensor]:
    """Return the tensors of a layer that have its output channels as a dimension, with that first."""
    assert isinstance(layer.op.op, Primitive)
    found = {}
    for weight in layer.op.op.weights(layer.op.input_shapes[0]):
        key = f"{name}.{weight.name}".rstrip(".")
        if "out" in weight.axes and key in tensors:
            tensor = tensors[key].detach().movedim(weight.axes.index("out"), 0)
            if len(tensor) == len(layer.output_channels):  # not of a grouped transposed convolution
                found[weight.name or "weight"] = tensor
    return found
