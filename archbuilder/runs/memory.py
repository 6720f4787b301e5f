"""What to do where memory does not suffice."""

import sys
from pathlib import Path

import torch

from archbuilder.costs.memory import inference_memory, training_memory
from archbuilder.costs.options import Optimiser
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan
from archbuilder.recipe import OptimiserName, Precision, TrainSettings
from archbuilder.training import Machine

# Of the free memory, how much the tensors of the plan may take. On a CPU a process came to 2.2 times its tensors, as
# what is freed is in pieces that do not fit the next tensor; a GPU's allocator is better at it.
_SHARES, _USUAL_SHARE = {"cpu": 0.4}, 0.8
_SAID = ("can't allocate memory", "out of memory", "not enough memory", "could not create a memory", "std::bad_alloc")


class OutOfMemory(ArchbuilderError):  # noqa: N818 - it names what happened
    """The batch does not fit into memory."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice; a CPU's are no type of their own."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAID)


def free_memory(device: torch.device) -> int | None:
    """Give how many bytes a process may still take on a device; None where nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = Path("/proc/meminfo")
    if device.type != "cpu" or not found.exists():
        return None
    available = [line.split()[1] for line in found.read_text().splitlines() if line.startswith("MemAvailable:")]
    return min(int(available[0]) * 1024, _room_below_limit()) if available else None


def _room_below_limit() -> int:
    """Give what a limit on the address space leaves, as `ulimit -v` sets one."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource  # noqa: PLC0415 - Windows has none

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return max(0, limit - pages * resource.getpagesize())


def advice(
    plan: Plan, settings: TrainSettings, machine: Machine, room: int | None, *, share: int = 1, goes_on: bool = False
) -> OutOfMemory:
    """Say which batch size to try: half of this one, or of that, until its tensors leave room for all else.

    Args:
        plan: The network.
        settings: How it was trained.
        machine: Where.
        room: How many bytes there were before training began, if that is known.
        share: How many processes a batch is parted among.
        goes_on: Whether the run had begun before, so that its batches stay what they are.
    """

    def needed(batch: int) -> int:
        return _needed(plan, settings, machine, -(-batch // share))

    head = f"out of memory with batches of {settings.batch_size}"
    head += f", of which a process has {-(-settings.batch_size // share)}" if share > 1 else ""
    head += f": their tensors alone take {_size(needed(settings.batch_size))} by the plan"
    if room is not None:
        head += f", and {_size(room)} were free"
    size = settings.batch_size // 2
    while room is not None and size >= 2 and needed(size) > _share(machine) * room:
        size //= 2
    if size < 2:
        return OutOfMemory(
            f"{head}\n  not even batches of 2 fit: take a smaller network, or a machine with more memory"
        )
    if goes_on:
        again = f"or begin another with --batch-size {size} ({_size(needed(size))})"
        return OutOfMemory(f"{head}\n  go on with this run where there is more memory, {again}")
    return OutOfMemory(f"{head}\n  try --batch-size {size} ({_size(needed(size))})")


def advice_to_measure(plan: Plan, batch: int, machine: Machine, room: int | None) -> OutOfMemory:
    """Say which batch size to try where a network is only measured.

    Args:
        plan: The network.
        batch: How many images ran at once.
        machine: Where.
        room: How many bytes there were before, if that is known.
    """

    def needed(batch: int) -> int:
        return inference_memory(plan, batch=batch).peak

    head = f"out of memory with {batch} images at once: their tensors alone take {_size(needed(batch))} by the plan"
    size = batch // 2
    while room is not None and size >= 1 and needed(size) > _share(machine) * room:
        size //= 2
    if size < 1:
        return OutOfMemory(f"{head}\n  not even one image fits: take a machine with more memory")
    return OutOfMemory(f"{head}\n  try --batch-size {size} ({_size(needed(size))})")


def _needed(plan: Plan, settings: TrainSettings, machine: Machine, batch: int) -> int:
    optimiser = Optimiser.ADAM
    if settings.optimiser is OptimiserName.SGD:
        optimiser = Optimiser.SGD_MOMENTUM if settings.momentum else Optimiser.SGD
    memory = training_memory(plan, batch=batch, optimiser=optimiser)
    activations = memory.activations
    if machine.precision is not Precision.FLOAT32:
        activations //= 2  # what autocast computes in, weights staying float32
    average = memory.weights if settings.average else 0
    return memory.total - memory.activations + activations + average


def _share(machine: Machine) -> float:
    return _SHARES.get(machine.device.type, _USUAL_SHARE)


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
