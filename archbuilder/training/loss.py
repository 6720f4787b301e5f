"""The training loss, with auxiliary heads."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor
from torch.nn import functional

from archbuilder.errors import ArchbuilderError


class HeadedOutput(Protocol):
    """A named tuple of `logits`, and the logits of every auxiliary head by name."""

    def _asdict(self) -> dict[str, Any]: ...


def training_loss(
    output: Tensor | HeadedOutput, labels: Tensor, *, head_weights: Mapping[str, float], label_smoothing: float = 0.0
) -> Tensor:
    """Return the cross entropy of the logits, plus that of every auxiliary head times its weight.

    Going Deeper with Convolutions (Szegedy et al. 2014), section 5, where both weights are 0.3.

    Args:
        output: The output of the network in training mode; each tensor is N x classes.
        labels: N, int64.
        head_weights: The weight of every auxiliary head by its name; empty for a network without heads.
        label_smoothing: The share of every label that is spread evenly over all classes.

    Returns:
        A scalar: the mean over the batch, in nats.

    Raises:
        ArchbuilderError: The names of `head_weights` are not those of the network's heads.
    """
    heads = {"logits": output} if isinstance(output, Tensor) else output._asdict()
    logits = heads.pop("logits")
    if heads.keys() != head_weights.keys():
        has, weighted = (", ".join(sorted(names)) or "none" for names in (heads, head_weights))
        raise ArchbuilderError(f"the network's auxiliary heads are {has}, but weights are given for {weighted}")
    loss = functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    for name, weight in head_weights.items():
        loss = loss + weight * functional.cross_entropy(heads[name], labels, label_smoothing=label_smoothing)
    return loss
