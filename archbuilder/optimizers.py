"""The optimizers, with the facts that settings, training, memory and reports use."""

from enum import StrEnum
from typing import NamedTuple


class Facts(NamedTuple):
    """The facts about an optimizer.

    Attributes:
        target: The full name of its torch class.
        rate: The default peak learning rate for a batch of 128 images.
        rate_power: The power of the batch's share of 128 images by which the rate falls for smaller ones.
        decay: The default weight decay.
        has_momentum: Whether it takes a momentum, Nesterov's.
        has_betas: Whether it takes betas, of which one cycle varies the first.
        state: How many values it stores for each parameter; SGD with a momentum of 0 stores one less.
    """

    target: str
    rate: float
    rate_power: float
    decay: float
    has_momentum: bool
    has_betas: bool
    state: int


class OptimizerName(StrEnum):
    """The optimizer of a training."""

    ADAMW = "adamw"
    SGD = "sgd"

    @property
    def facts(self) -> Facts:
        """The facts about the optimizer."""
        return _FACTS[self]

    def usual_rate(self, share: float) -> float:
        """Return the default peak learning rate, smaller for smaller batches.

        It falls in proportion to the batch for SGD (Goyal et al. 2017, arXiv:1706.02677) and with its square root for
        AdamW (Malladi et al. 2022, arXiv:2205.10287), as a step of fewer images is noisier. It never rises above that
        of the usual batch.

        Args:
            share: The batch size as a share of the usual one.
        """
        return float(self.facts.rate * min(1.0, share) ** self.facts.rate_power)

    def state(self, momentum: float) -> int:
        """Return how many values the optimizer stores for each parameter."""
        return self.facts.state - (self.facts.has_momentum and momentum == 0)


_FACTS = {
    OptimizerName.ADAMW: Facts(
        "torch.optim.AdamW", rate=0.015, rate_power=0.5, decay=0.01, has_momentum=False, has_betas=True, state=2
    ),
    OptimizerName.SGD: Facts(
        "torch.optim.SGD", rate=0.2, rate_power=1.0, decay=0.0005, has_momentum=True, has_betas=False, state=1
    ),
}
