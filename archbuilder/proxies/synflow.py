"""SynFlow: the sum of weights times gradients, without images."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archbuilder.errors import ArchbuilderError
from archbuilder.modules import Network
from archbuilder.modules.calls import activation_classes
from archbuilder.proxies.proxy import Batch, expect_batches
from archbuilder.proxies.scratch import scratch_copy

_NORMS = (nn.BatchNorm2d, nn.GroupNorm)
_PASSED: tuple[type[nn.Module], ...] = (nn.LocalResponseNorm, *activation_classes().values())


def synflow(network: Network, batches: Sequence[Batch]) -> float:
    """Return the sum of |w * dR/dw| over all parameters w of the network with absolute weights, fed an image of ones.

    R is the sum of the logits. Tanaka et al., 2020, "Pruning neural networks without any data by iteratively conserving
    synaptic flow" (arXiv:2006.05467), algorithm 1; summed over a whole network by Abdelfattah et al., 2021,
    "Zero-Cost Proxies for Lightweight NAS" (arXiv:2101.08134), section 3.2.

    The flow is meant for a network that is linear where everything is positive, so that nothing but weights decides it:

    - Evaluation mode: dropout is off.
    - Batch and group norms keep their scale and shift and take no statistics, neither running ones nor those of the
      data; a local response norm is the identity. The second paper's code leaves batch norms out in the same way.
    - Activations are the identity, as relu is for what is not negative. Others than relu and leaky_relu would
      saturate or bend it: a relu6 is flat above 6.
    - The numbers of a `rescale` are made absolute as weights are.

    Everything is computed in double precision, since products of many widths overflow single precision. Biases, scales
    and shifts are parameters too and are counted: the papers' code counts the weights of convolutions and linear layers
    alone. The sum itself is returned; its logarithm ranks networks in the same order.

    Args:
        network: The network.
        batches: Only the shape and the device of the first one's images are read.

    Returns:
        The sum, at least 0.

    Raises:
        ArchbuilderError: There is no batch, or the network has no parameters.
    """
    expect_batches("synflow", batches, 1, images=0, reason="it reads the shape of an image")
    scratch = _linear(network)
    weights = list(scratch.parameters())
    if not weights:
        raise ArchbuilderError("synflow: found no parameters in the network, expected some: it sums over them")
    images = batches[0][0]
    ones = torch.ones(1, *images.shape[1:], dtype=torch.float64, device=images.device)  # 1 x C x H x W
    with torch.enable_grad():
        gradients = torch.autograd.grad(scratch(ones).sum(), weights, allow_unused=True, materialize_grads=True)
    flows = [(weight.detach() * gradient).abs().sum() for weight, gradient in zip(weights, gradients, strict=True)]
    return torch.stack(flows).sum().item()


def _linear(network: Network) -> Network:
    """Copy a network in double precision with absolute weights, and without what is not linear for positive numbers."""
    scratch = scratch_copy(network).double()
    with torch.no_grad():
        for numbers in (*scratch.parameters(), *scratch.buffers()):
            numbers.abs_()
    for module in scratch.modules():
        if isinstance(module, _NORMS):
            module.register_forward_hook(_scale_and_shift)
        elif isinstance(module, _PASSED):
            module.register_forward_hook(lambda module, args, output: args[0])
    return scratch


def _scale_and_shift(norm: Any, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """Return the input of a norm times its scale plus its shift: N x C x H x W."""
    x = args[0]  # N x C x H x W
    shape = (-1, *(1,) * (x.ndim - 2))
    if norm.weight is not None:
        x = x * norm.weight.view(shape)
    return x if norm.bias is None else x + norm.bias.view(shape)
