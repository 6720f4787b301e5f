"""Measure the tensors that torch allocates in evaluation, and the bytes that autograd saves in training."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from archbuilder.crosscheck.evaluating import evaluating, images_for, leaf_modules

MERGES = "(merges)"
"""The name for operators outside of any leaf module."""


class Allocated(NamedTuple):
    """A tensor that torch allocated.

    Attributes:
        module: The leaf module that ran, or `MERGES`.
        size: Its bytes.
        live: The bytes of all live tensors then, including it.
    """

    module: str
    size: int
    live: int


def allocations(network: nn.Module, input_shape: tuple[int, ...], *, batch: int = 1) -> list[Allocated]:
    """Run a module on images of zeros in evaluation under `no_grad`, and list what it allocates, in order.

    Other results of an operator come before its output. The module's mode is restored.

    Args:
        network: The module.
        input_shape: (channels, height, width).
        batch: How many images run at once.
    """
    images = images_for(network, input_shape, batch)
    with evaluating(network), torch.no_grad(), running_leaf(network) as running:
        tracker = _Tracker(network, images, running)
        with tracker:
            network(images)
    return tracker.made


def saved_for_backward(network: nn.Module, input_shape: tuple[int, ...], *, batch: int) -> int:
    """Run a module in training and count the bytes that autograd saves, without parameters and buffers.

    Each storage counts once. Running statistics of batch norm change.
    """
    images = images_for(network, input_shape, batch)
    own_storages = {_reference(tensor) for tensor in (*network.parameters(), *network.buffers())}
    saved: dict[StorageWeakRef, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        reference = _reference(tensor)
        if reference not in own_storages:
            saved[reference] = storage.nbytes()
        return tensor

    training = network.training
    network.train()
    try:
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            outputs = network(images)  # live until what it saves has been summed
            total = sum(saved.values())
            del outputs
    finally:
        network.train(training)
    return total


def _reference(tensor: Tensor) -> StorageWeakRef:
    """Return a weak reference to a tensor's storage; those of views of one storage are equal."""
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]


def _is_freed(reference: StorageWeakRef) -> bool:
    return bool(reference.expired())  # type: ignore[no-untyped-call]


@contextmanager
def running_leaf(network: nn.Module) -> Iterator[list[str]]:
    """Yield a list whose last item is the name of the running leaf module, or `MERGES`, while the body runs."""
    running = [MERGES]
    hooks = []
    for name, module in leaf_modules(network):

        def enter(module: nn.Module, args: Any, name: str = name) -> None:
            running.append(name)

        def leave(module: nn.Module, args: Any, output: Any) -> None:
            running.pop()

        hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        yield running
    finally:
        for hook in hooks:
            hook.remove()


class _Tracker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records each new storage and, before each operator, which storages were freed."""

    def __init__(self, network: nn.Module, images: Tensor, running: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.made: list[Allocated] = []
        self._running = running
        self._live: dict[StorageWeakRef, int] = {}
        self._old = {_reference(tensor) for tensor in (*network.parameters(), *network.buffers())}
        self._note(images)

    def _note(self, tensor: Tensor) -> bool:
        """Record a tensor's storage; return whether it is new, not empty, and not a parameter or buffer."""
        reference, size = _reference(tensor), tensor.untyped_storage().nbytes()
        if not size or reference in self._live or reference in self._old:
            return False
        self._live[reference] = size
        return True

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self._live = {reference: size for reference, size in self._live.items() if not _is_freed(reference)}
        for tensor in reversed([leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]):
            if self._note(tensor):
                size = tensor.untyped_storage().nbytes()
                self.made.append(Allocated(self._running[-1], size, sum(self._live.values())))
        return result
