"""The device and precision of a training."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch

from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import Precision
from archbuilder.training.processes import launched


@dataclass(frozen=True)
class Machine:
    """The device and precision of a training.

    Attributes:
        device: The device.
        precision: The precision; never `AUTO`.
        compiled: Whether the network runs compiled by `torch.compile`.
        workers: The number of processes that read files, for data that does not fit into memory.
    """

    device: torch.device
    precision: Precision = Precision.FLOAT32
    compiled: bool = False
    workers: int = 0

    def autocast(self) -> AbstractContextManager[object]:
        """Return a context that computes in the machine's precision."""
        if self.precision is Precision.FLOAT32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.precision.value))

    @property
    def steps_between_reads(self) -> int:
        """The number of steps between reads of the loss, as a read synchronizes with a GPU."""
        return 1 if self.device.type == "cpu" else 20


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Set the number of torch's CPU threads while the body runs; None keeps it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


CPU = Machine(torch.device("cpu"))


def choose_machine(
    device: str = "auto",
    precision: Precision = Precision.AUTO,
    *,
    compiled: bool = False,
    workers: int | None = None,
) -> Machine:
    """Return a machine with defaults filled in: a GPU if there is one, and mixed precision if it is faster.

    Args:
        device: `auto`, or a device by torch's name: `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: `AUTO` is bfloat16 on a GPU that computes in it, float16 on an older one, and float32 on a CPU, where
            few processors compute in anything else.
        compiled: Whether the network runs compiled.
        workers: How many processes read files; by default one per available processor, up to 8.

    Raises:
        ArchbuilderError: The device is not available, or does not support the precision.
    """
    chosen = _device(device)
    if precision is Precision.AUTO:
        precision = Precision.FLOAT32
        if chosen.type == "cuda":
            native = torch.cuda.get_device_capability(chosen) >= (8, 0)
            precision = Precision.BFLOAT16 if native else Precision.FLOAT16
    if precision is Precision.FLOAT16 and chosen.type == "cpu":
        raise ArchbuilderError("precision float16 needs a GPU; on a CPU choose float32 or bfloat16")
    workers = _default_workers() if workers is None else workers
    return Machine(chosen, precision, compiled, workers)


def _device(name: str) -> torch.device:
    """Return the device of a name, after a tensor has been made on it; `auto` is the accelerator if there is one."""
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        name = "cpu" if accelerator is None else accelerator.type
    processes = launched()
    if name == "cuda":
        name = f"cuda:{processes.local_rank}"  # one GPU for each process that torchrun starts here
    elif name.startswith("cuda:") and processes.local_count > 1:
        raise ArchbuilderError(f"device {name}: each of {processes.local_count} processes needs a GPU: device='cuda'")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ArchbuilderError(f"device {name!r} is not available: {reason}\n  device='cpu' always is") from None
    return device


def _default_workers() -> int:
    # Python 3.13 has process_cpu_count for it.
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(8, processors // launched().local_count))
