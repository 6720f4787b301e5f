"""Helpers of the counters: evaluation mode, zero images and leaf modules."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Set a module to evaluation mode inside the context, and restore its mode."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


def images_for(network: nn.Module, input_shape: tuple[int, ...], batch: int = 1) -> Tensor:
    """Return images of zeros, batch x channels x height x width, on the device where the module is."""
    device = next((tensor.device for tensor in network.parameters()), torch.device("cpu"))
    return torch.zeros(batch, *input_shape, device=device)


def leaf_names(network: nn.Module) -> list[str]:
    """Return the dotted names of the modules that have no children."""
    return [name for name, module in network.named_modules() if name and not any(module.children())]
