"""The interface of proxies, and checks of their batches."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from archbuilder.errors import ArchbuilderError
from archbuilder.modules import Network

Batch = tuple[Tensor, Tensor]
"""Images, N x C x H x W, normalized as training would have them; and their labels, N."""


class Proxy(Protocol):
    """A score of a network that is not trained. Higher is better.

    The network is not changed: neither weights, buffers, gradients nor mode. The random state of torch is restored.
    Auxiliary heads are left out.
    """

    def __call__(self, network: Network, batches: Sequence[Batch]) -> float:
        """Score a network.

        Args:
            network: The network with initial weights, which the score depends on.
            batches: Images and labels, on the network's device; `BATCHES` has the number that each proxy needs.

        Raises:
            ArchbuilderError: There are too few batches or images, or the network lacks what the proxy reads.
        """
        ...


def expect_batches(proxy: str, batches: Sequence[Batch], least: int, *, images: int, reason: str) -> None:
    """Check that there is enough to score with.

    Args:
        proxy: The name of the proxy.
        batches: The batches.
        least: How many there must be.
        images: How many images each of those that are read must hold.
        reason: What they are needed for, as half a sentence.

    Raises:
        ArchbuilderError: There are fewer batches than `least`, or fewer images than `images` in one of them.
    """
    if len(batches) < least:
        raise ArchbuilderError(f"{proxy}: found {_count(len(batches), 'batch')}, expected at least {least}: {reason}")
    for number, (batch_images, _) in enumerate(batches, 1):
        if len(batch_images) < images:
            found = f"{_count(len(batch_images), 'image')} in batch {number}"
            raise ArchbuilderError(f"{proxy}: found {found}, expected at least {images}: {reason}")


def _count(number: int, noun: str) -> str:
    plural = "" if number == 1 else "es" if noun.endswith("ch") else "s"
    return f"{number or 'no'} {noun}{plural}"
