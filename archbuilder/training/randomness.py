"""The random state of a step, which the caller gets back as it was."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch


@contextmanager
def isolated_randomness(device: torch.device) -> Iterator[None]:
    """Restore the random state after the body, and make convolutions on a GPU deterministic in it."""
    devices = [] if device.type == "cpu" else [device.index or 0]
    kind = "cuda" if device.type == "cpu" else device.type
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=devices, device_type=kind))
        if device.type == "cuda":
            stack.enter_context(_deterministic_convolutions())
        yield


@contextmanager
def _deterministic_convolutions() -> Iterator[None]:
    """Make cuDNN choose deterministic kernels, without benchmarking."""
    cudnn: Any = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before


def reseed(seed: int, device: torch.device) -> None:
    """Seed the CPU and one device; `torch.manual_seed` would seed all devices, which are not restored afterwards."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    elif device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)
