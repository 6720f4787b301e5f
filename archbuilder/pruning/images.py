"""Images for pruning: losses whose gradients tell what matters, and batch statistics of the narrower network."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from archbuilder.data import Batch, DataSplits
from archbuilder.modules import Network, head_names
from archbuilder.training import Machine, training_memory_format

BATCH_SIZE = 128


def batches_of(data: DataSplits, count: int, seed: int) -> Iterator[Batch]:
    """Yield some batches of training images in random order, not augmented."""
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))
    return iter(data.train.batches(torch.split(order, BATCH_SIZE)[:count], workers=0))


def losses(
    network: Network, data: DataSplits, count: int, seed: int, machine: Machine
) -> Iterator[Callable[[], Tensor]]:
    """Yield functions that each compute the loss of a batch, in evaluation mode, without auxiliary heads."""
    network.eval()
    memory_format = training_memory_format(network, machine.device)
    network.to(memory_format=memory_format)  # type: ignore[call-overload]
    for batch in batches_of(data, count, seed):

        def loss(batch: Batch = batch) -> Tensor:
            images = data.normalizer(batch.images.to(machine.device))
            logits = network(images.to(memory_format=memory_format))
            return functional.cross_entropy(logits.float(), batch.labels.to(machine.device))

        yield loss


def recompute_statistics(network: Network, data: DataSplits, count: int, seed: int, machine: Machine) -> None:
    """Replace the running statistics of batch norms by those of some batches, heads left out."""
    heads = head_names(network)  # which do not run in evaluation
    norms = [
        module
        for name, module in network.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and name.partition(".")[0] not in heads
    ]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
        norm.train()
    try:
        with torch.no_grad():
            for batch in batches_of(data, count, seed):
                network(data.normalizer(batch.images.to(machine.device)))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()
