"""Errors for out of memory, with a batch size that should fit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from archbuilder.costs.memory import inference_memory, training_memory
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan
from archbuilder.recipe import Precision, TrainSettings
from archbuilder.runs.memory import free_memory, is_out_of_memory
from archbuilder.training import Machine

# The share of free memory that the tensors of the plan may take. On a CPU a process took 2.2 times its tensors, due to
# fragmentation; GPU allocators have less of it.
_USABLE, _USUALLY_USABLE = {"cpu": 0.4}, 0.8


class OutOfMemory(ArchbuilderError):  # noqa: N818 - it names what happened
    """The batch does not fit into memory."""


def training_out_of_memory(
    plan: Plan,
    settings: TrainSettings,
    machine: Machine,
    room: int | None,
    *,
    processes: int = 1,
    is_resumed: bool = False,
) -> OutOfMemory:
    """Return the error for training out of memory, with the largest halved batch size whose tensors fit.

    Args:
        plan: The network.
        settings: The training settings.
        machine: The device and precision.
        room: The free bytes before training, if known.
        processes: The number of processes that share a batch.
        is_resumed: Whether the run was resumed, so that its batch size cannot change.
    """

    def needed(batch: int) -> int:
        return _training_bytes(plan, settings, machine, -(-batch // processes))

    head = f"out of memory with batches of {settings.batch_size}"
    head += f", of which a process has {-(-settings.batch_size // processes)}" if processes > 1 else ""
    head += f": their tensors alone take {_bytes_text(needed(settings.batch_size))} by the plan"
    if room is not None:
        head += f", and {_bytes_text(room)} were free"
    size = _fitting_batch_bytes_text(settings.batch_size, 2, needed, machine, room)
    if size < 2:
        return OutOfMemory(f"{head}\n  not even batches of 2 fit: use a smaller network or a machine with more memory")
    if is_resumed:
        again = f"or begin another with batch_size={size} ({_bytes_text(needed(size))})"
        return OutOfMemory(f"{head}\n  resume this run where there is more memory, {again}")
    return OutOfMemory(f"{head}\n  try batch_size={size} ({_bytes_text(needed(size))})")


def evaluation_out_of_memory(plan: Plan, batch: int, machine: Machine, room: int | None) -> OutOfMemory:
    """Return the error for evaluation out of memory, with the largest halved batch size whose tensors fit.

    Args:
        plan: The network.
        batch: The batch size.
        machine: The device and precision.
        room: The free bytes before, if known.
    """

    def needed(batch: int) -> int:
        return inference_memory(plan, batch=batch).peak

    head = (
        f"out of memory with {batch} images at once: their tensors alone take {_bytes_text(needed(batch))} by the plan"
    )
    size = _fitting_batch_bytes_text(batch, 1, needed, machine, room)
    if size < 1:
        return OutOfMemory(f"{head}\n  not even one image fits: use a machine with more memory")
    return OutOfMemory(f"{head}\n  try batch_size={size} ({_bytes_text(needed(size))})")


@contextmanager
def built_in_memory(plan: Plan) -> Iterator[None]:
    """Convert errors for out of memory while a network is built and run with one image.

    Raises:
        OutOfMemory: The body ran out of memory; the message has what the network needs.
    """
    room = free_memory(torch.device("cpu"))
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        weights = 4 * (plan.parameters + plan.head_parameters)
        head = f"out of memory: the weights of {plan.name} take {_bytes_text(weights)} by the plan"
        head += f", the tensors of one image {_bytes_text(inference_memory(plan).peak)}"
        head += f"; {_bytes_text(room)} were free" if room is not None else ""
        advice = "use a smaller network or a machine with more memory; check, diff and flops --csv need none"
        raise OutOfMemory(f"{head}\n  {advice}") from error


def _fitting_batch_bytes_text(
    batch: int, least: int, needed: Callable[[int], int], machine: Machine, room: int | None
) -> int:
    """Halve a batch size until its tensors fit, or it is below `least`."""
    usable = _USABLE.get(machine.device.type, _USUALLY_USABLE)
    size = batch // 2
    while room is not None and size >= least and needed(size) > usable * room:
        size //= 2
    return size


def _training_bytes(plan: Plan, settings: TrainSettings, machine: Machine, batch: int) -> int:
    """Return the bytes of training at a batch size, with the machine's precision and the weight average."""
    memory = training_memory(plan, batch=batch, optimizer=settings.optimizer, momentum=settings.momentum)
    activations = memory.activations
    if machine.precision is not Precision.FLOAT32:
        activations //= 2  # what autocast computes in, weights staying float32
    average = memory.weights if settings.ema_decay else 0
    return memory.total - memory.activations + activations + average


def _bytes_text(count: int) -> str:
    mebibytes = f"{count / 2**20:.1f} MiB"
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 or mebibytes == "1024.0 MiB" else mebibytes
