"""Copies of a network that a proxy may change."""

from copy import deepcopy

from torch import nn

from archbuilder.modules import Network, drop_heads


def scratch_copy(network: Network) -> Network:
    """Copy a network without its auxiliary heads, in evaluation mode, with all parameters trainable.

    With a copy the network stays unchanged even if a score fails. It takes the memory of the weights once more. In both
    modes it returns only logits, N x classes.
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
