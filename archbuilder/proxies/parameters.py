"""The number of parameters, as a proxy to compare others with."""

from collections.abc import Sequence

from archbuilder.modules import Network, head_names
from archbuilder.proxies.proxy import Batch


def parameters(network: Network, batches: Sequence[Batch] = ()) -> float:
    """Count the trainable parameters, without those of auxiliary heads.

    That it ranks networks about as well as most proxies do is said by Ning et al., 2021, "Evaluating Efficient
    Performance Estimators of Neural Architectures" (arXiv:2008.03064), and by Li et al., 2023 (arXiv:2301.11300).

    Args:
        network: The network.
        batches: Not read; there need be none.

    Returns:
        The count, which is the plan's `parameters`.
    """
    heads = [network.get_submodule(head) for head in head_names(network)]
    counts = [sum(weight.numel() for weight in part.parameters()) for part in (network, *heads)]
    return float(counts[0] - sum(counts[1:]))
