"""What is made smaller."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor
from torch.nn import functional

from archbuilder.errors import ArchbuilderError


class HeadedOutput(Protocol):
    """A named tuple of `logits` and one more tensor of logits for every auxiliary head, by the head's name."""

    def _asdict(self) -> dict[str, Any]: ...


def training_loss(
    output: Tensor | HeadedOutput, labels: Tensor, *, head_weights: Mapping[str, float], label_smoothing: float = 0.0
) -> Tensor:
    """Add to the cross entropy of the logits that of every auxiliary head, times the head's weight.

    Going Deeper with Convolutions (Szegedy et al. 2014), section 5, where both weights are 0.3.

    Args:
        output: What the network gives in training mode; each tensor is N x classes.
        labels: N, int64.
        head_weights: The weight of every auxiliary head by its name; empty for a network without heads.
        label_smoothing: The share of every label that is spread evenly over all classes.

    Returns:
        A scalar: the mean over the batch, in nats.

    Raises:
        ArchbuilderError: The heads that have a weight are not the heads that the network has.
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
