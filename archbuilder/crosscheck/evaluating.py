"""Helpers of the counters: evaluation mode, zero images and leaf modules."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from archbuilder.modules.blocks import Composite, Series


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


def leaf_modules(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the dotted name and the module of every operation, but not of networks and composites."""
    for name, child in network.named_children():
        if isinstance(child, Series | Composite):
            yield from ((f"{name}.{inner}", module) for inner, module in leaf_modules(child))
        else:
            yield name, child


def leaf_names(network: nn.Module) -> list[str]:
    """Return the dotted names of the modules of operations."""
    return [name for name, _ in leaf_modules(network)]
