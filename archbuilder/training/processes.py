"""The processes that train one network together, as `torchrun` starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class Processes:
    """The processes of one training and which of them this is.

    Attributes:
        rank: Which one, from 0. The first one writes and speaks for all.
        count: How many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def share(self, indices: Tensor) -> Tensor:
        """Give this process's part of some indices: neighbours, as many as the others have or one fewer."""
        return indices.tensor_split(self.count)[self.rank]

    def start(self, count: int) -> int:
        """Give how many of so many indices belong to the processes before this one."""
        return sum(len(part) for part in torch.arange(count).tensor_split(self.count)[: self.rank])

    def total(self, tensor: Tensor) -> Tensor:
        """Add up, in place, what every process has of a tensor; all of them get the sum."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.count > 1:
            distributed.barrier()


ALONE = Processes()


def local_rank() -> int:
    """Which of the processes on this machine this is, by what `torchrun` says: the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the other processes that `torchrun` started, while the body runs; without `torchrun` there are none.

    Args:
        device: Where this process trains, which decides how they talk: by NCCL between GPUs, else by Gloo.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield ALONE
        return
    on_gpu = device.type == "cuda"
    distributed.init_process_group("nccl" if on_gpu else "gloo", device_id=device if on_gpu else None)
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
