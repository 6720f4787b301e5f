"""Copies of a network that a proxy may change."""

from copy import deepcopy

from torch import nn

from archbuilder.modules import Network, drop_heads


def scratch_copy(network: Network) -> Network:
    """Copy a network without its auxiliary heads; the copy has no gradients, is frozen nowhere and in evaluation mode.

    A copy is what keeps the network as it was, even if a score fails half way. It needs the memory of the weights once
    more, before a proxy makes it double precision. In either mode it gives logits alone, N x classes.
    """
    copy = deepcopy(network)
    drop_heads(copy)
    copy.eval()
    copy.requires_grad_(True)
    return copy


def normalize_by_batch(network: Network) -> None:
    """Make batch norms use the statistics of the batch, as in training; dropout stays off.

    An untrained network has no other statistics: its running mean is 0 and its running variance 1, whatever the input.
    """
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
