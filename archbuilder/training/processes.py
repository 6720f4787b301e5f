"""The processes of a distributed training, as started by `torchrun`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from archbuilder.errors import ArchbuilderError


@dataclass(frozen=True)
class Processes:
    """The rank of this process and the number of processes.

    Attributes:
        rank: The rank of this process, from 0. The first process writes files and shows progress.
        count: The number of processes.
        local_rank: The rank on this machine, which is the number of its GPU.
        local_count: The number of processes on this machine.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def share(self, indices: Tensor) -> Tensor:
        """Return this process's contiguous part of some indices; parts differ in size by at most one."""
        return indices.tensor_split(self.count)[self.rank]

    def start(self, count: int) -> int:
        """Return the position of this process's part among `count` indices."""
        return sum(len(part) for part in torch.arange(count).tensor_split(self.count)[: self.rank])

    def sum(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over all processes, in place, and return it."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor


ALONE = Processes()
_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def launched() -> Processes:
    """Return the rank of this process by the environment variables of `torchrun`; `ALONE` without them.

    Raises:
        ArchbuilderError: Some of the variables are missing or invalid.
    """
    if "RANK" not in os.environ and "WORLD_SIZE" not in os.environ:
        return ALONE
    missing = [name for name in _VARIABLES if name not in os.environ]
    if missing:
        there = ", ".join(name for name in _VARIABLES if name in os.environ)
        raise ArchbuilderError(
            f"the environment sets {there}, but not {', '.join(missing)}: torchrun sets all of them\n"
            "  start it with torchrun, or unset them to train in one process"
        )
    numbers = [os.environ[name] for name in _VARIABLES[:4]]
    if not all(number.isdecimal() for number in numbers):
        found = ", ".join(f"{name}={os.environ[name]!r}" for name in _VARIABLES[:4])
        raise ArchbuilderError(f"the environment sets {found}, expected integers, as torchrun sets them")
    return Processes(*map(int, numbers))


@contextmanager
def process_group(device: torch.device) -> Iterator[Processes]:
    """Initialize the process group of `torchrun` while the body runs; without `torchrun` do nothing.

    Args:
        device: The device of this process; GPUs use NCCL, others Gloo.

    Raises:
        ArchbuilderError: Some variables of `torchrun` are missing or invalid.
    """
    processes = launched()
    if processes.count == 1:
        yield processes
        return
    on_gpu = device.type == "cuda"
    distributed.init_process_group("nccl" if on_gpu else "gloo", device_id=device if on_gpu else None)
    try:
        yield processes
    finally:
        distributed.destroy_process_group()
