"""NASWOT: how much the signs of rectifier inputs differ between images."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archbuilder.errors import ArchbuilderError
from archbuilder.modules import Network
from archbuilder.modules.calls import activation_classes
from archbuilder.proxies.proxy import Batch, expect_batches
from archbuilder.proxies.scratch import normalize_by_batch, scratch_copy

RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU)
"""The activations that are read. Each has a kink at 0; a bit of the code is the side of it that a value is on."""


def naswot(network: Network, batches: Sequence[Batch]) -> float:
    """Return log |det K|, where K counts for each two images the rectifier inputs that have the same sign.

    Mellor et al., 2021, "Neural Architecture Search without Training" (arXiv:2006.04647), section 3. Each image's code
    has a bit for each element that a rectifier is fed: whether it is above 0. With the codes of a layer as the rows of
    x, its part of K is x x^T + (1 - x)(1 - x)^T; the parts of all layers are added.

    Batch norms use the statistics of the batch, as in the paper's code, whose networks stay in training mode. Dropout
    is off. Labels are not read.

    Args:
        network: A network with `relu`, `relu6` or `leaky_relu` in it.
        batches: The first one alone is read. Scores of batches of other sizes cannot be compared.

    Returns:
        The logarithm, in nats. It is minus infinity where K is singular: where two images have the same code, as the
        same image twice has, and where the codes have fewer bits than it takes to tell so many images apart.

    Raises:
        ArchbuilderError: There is no batch, it has fewer than two images, or no such activation is in the network.
    """
    reason = "it compares the images of one batch"
    expect_batches("naswot", batches[:1], 1, images=2, reason=reason)
    scratch = scratch_copy(network)
    rectifiers = [module for module in scratch.modules() if isinstance(module, RECTIFIERS)]
    if not rectifiers:
        raise ArchbuilderError(_none_found(scratch))
    normalize_by_batch(scratch)
    images = batches[0][0]
    agreeing = torch.zeros(len(images), len(images), dtype=torch.float64)  # N x N

    def count(module: nn.Module, args: tuple[Tensor, ...], output: Any) -> None:
        code = (args[0].flatten(1) > 0).float()  # N x bits; float32 counts exactly up to 16 million bits a layer
        agreeing.add_((code @ code.T + (1 - code) @ (1 - code).T).cpu())

    for module in rectifiers:
        module.register_forward_hook(count)
    with torch.no_grad():
        scratch(images)
    # Elimination of a singular matrix may leave a pivot that is nearly 0 instead of 0.
    if torch.linalg.matrix_rank(agreeing, hermitian=True) < len(images):
        return float("-inf")
    return float(torch.linalg.slogdet(agreeing).logabsdet)


def _none_found(network: Network) -> str:
    kinds = {type(module) for module in network.modules()}
    names = [name for name, kind in activation_classes().items() if kind in kinds and kind is not nn.Identity]
    found = f"no other activation than {' and '.join(names)}" if names else "no activation"
    return f"naswot: found {found} in the network, expected relu, relu6 or leaky_relu: it needs their signs"
