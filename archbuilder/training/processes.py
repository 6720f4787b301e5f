"""The processes that train one network together, as `torchrun` starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from archbuilder.errors import ArchbuilderError


@dataclass(frozen=True)
class Processes:
    """The processes of one training and which of them this is.

    Attributes:
        rank: Which one, from 0. The first one writes and speaks for all.
        count: How many there are.
        local_rank: Which of those on this machine: the number of its GPU.
        local_count: How many there are on this machine.
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
        """Return this process's part of some indices: neighbors, as many as the others have or one fewer."""
        return indices.tensor_split(self.count)[self.rank]

    def start(self, count: int) -> int:
        """Return how many of so many indices belong to the processes before this one."""
        return sum(len(part) for part in torch.arange(count).tensor_split(self.count)[: self.rank])

    def total(self, tensor: Tensor) -> Tensor:
        """Add up, in place, what every process has of a tensor; all of them get the sum."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor


ALONE = Processes()
_SET = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def launched() -> Processes:
    """Say which of the processes that `torchrun` started this is, by the environment that it sets.

    Raises:
        ArchbuilderError: Some of the environment is set, and some is not.
    """
    if "RANK" not in os.environ and "WORLD_SIZE" not in os.environ:
        return ALONE
    missing = [name for name in _SET if name not in os.environ]
    if missing:
        there = ", ".join(name for name in _SET if name in os.environ)
        raise ArchbuilderError(
            f"the environment sets {there}, but not {', '.join(missing)}: torchrun sets all of them\n"
            "  start it with torchrun, or unset them to train in one process"
        )
    numbers = [os.environ[name] for name in _SET[:4]]
    if not all(number.isdecimal() for number in numbers):
        found = ", ".join(f"{name}={os.environ[name]!r}" for name in _SET[:4])
        raise ArchbuilderError(f"the environment sets {found}, expected integers, as torchrun sets them")
    return Processes(*map(int, numbers))


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the other processes that `torchrun` started, while the body runs; without `torchrun` there are none.

    Args:
        device: Where this process trains, which decides how they talk: by NCCL between GPUs, else by Gloo.

    Raises:
        ArchbuilderError: Some of what `torchrun` sets is missing.
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
