"""ZiCo: the ratio of mean and standard deviation of gradients over batches."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from archbuilder.errors import ArchbuilderError
from archbuilder.modules import Network
from archbuilder.proxies.proxy import Batch, expect_batches
from archbuilder.proxies.scratch import normalize_by_batch, scratch_copy


def zico(network: Network, batches: Sequence[Batch]) -> float:
    """Return the sum over layers of log sum_w mean|g_w| / std|g_w|, where g_w is a weight's gradient in each batch.

    Li et al., 2023, "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on Gradients" (arXiv:2301.11300), section
    3. The loss is cross entropy, and each batch is one value of g_w. Where the paper and its code differ, this is the
    paper: the deviation is that of |g_w| and the gradients of each batch are taken alone, while the code takes the
    deviation of g_w and lets gradients add up from batch to batch.

    As in the code, a layer is a convolution or a linear layer and its weights are counted, not its bias; batch norms
    use the statistics of each batch; the deviation is divided by the number of batches, not one less; weights whose
    gradient does not vary are left out, and so is a layer without any other. Dropout is off here, so that the score is
    not random.

    Gradients are taken in double precision. Weights whose gradients are nearly the same in all batches weigh most, and
    in single precision it is rounding that decides how near: the number of threads changed scores by a few units.

    Args:
        network: A network with convolutions or linear layers.
        batches: At least two, with different images; the paper uses two. The labels are classes, N.

    Returns:
        The sum, in nats; minus infinity where no gradient varies, as with the same batch twice.

    Raises:
        ArchbuilderError: There are fewer than two batches or fewer than two images in one of them, or the network has
            neither a convolution nor a linear layer.
    """
    expect_batches("zico", batches, 2, images=2, reason="it compares the gradients of batches")
    scratch = scratch_copy(network).double()
    weights = [module.weight for module in scratch.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    if not weights:
        raise ArchbuilderError(
            "zico: found neither a convolution nor a linear layer in the network, expected some: it reads gradients"
        )
    normalize_by_batch(scratch)
    gradients = [_gradients(scratch, weights, batch) for batch in batches]
    layers = [_steadiness(torch.stack(layer)) for layer in zip(*gradients, strict=True)]
    varying = [value for value in layers if value is not None]
    return sum(varying) if varying else float("-inf")


def _gradients(network: Network, weights: list[Tensor], batch: Batch) -> tuple[Tensor, ...]:
    images, labels = batch
    with torch.enable_grad():
        loss = functional.cross_entropy(network(images.double()), labels)
        return torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)


def _steadiness(gradients: Tensor) -> float | None:
    """Return log sum mean / std of a layer, batches x its weights; None if no gradient varies."""
    sizes = gradients.abs().flatten(1)
    mean = sizes.mean(dim=0)
    # Where all are equal their differences are exactly 0, while their mean may be rounded.
    deviation = (sizes - sizes[0]).std(dim=0, correction=0)
    varies = deviation != 0  # and not `> 0`, which would hide what is not a number
    return (mean[varies] / deviation[varies]).sum().log().item() if varies.any() else None
