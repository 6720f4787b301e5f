"""A module as all counters run it: in evaluation, on images of zeros, leaf by leaf."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Have a module in evaluation mode while the body runs; its mode is then as it was."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


def images_for(network: nn.Module, input_shape: tuple[int, ...], batch: int = 1) -> Tensor:
    """Give images of zeros, batch x channels x height x width, on the device where the module is."""
    device = next((tensor.device for tensor in network.parameters()), torch.device("cpu"))
    return torch.zeros(batch, *input_shape, device=device)


def leaf_names(network: nn.Module) -> list[str]:
    """Give the dotted names of the modules that have no children."""
    return [name for name, module in network.named_modules() if name and not any(module.children())]
