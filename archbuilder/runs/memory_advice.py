"""What to do where memory does not suffice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from archbuilder.costs.memory import inference_memory, training_memory
from archbuilder.costs.options import Optimizer
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan
from archbuilder.recipe import OptimizerName, Precision, TrainSettings
from archbuilder.runs.memory import free_memory, is_out_of_memory
from archbuilder.training import Machine

# Of the free memory, how much the tensors of the plan may take. On a CPU a process came to 2.2 times its tensors, as
# what is freed is in pieces that do not fit the next tensor; a GPU's allocator is better at it.
_USABLE, _USUALLY_USABLE = {"cpu": 0.4}, 0.8


class OutOfMemory(ArchbuilderError):  # noqa: N818 - it names what happened
    """The batch does not fit into memory."""


def advice(
    plan: Plan,
    settings: TrainSettings,
    machine: Machine,
    room: int | None,
    *,
    processes: int = 1,
    goes_on: bool = False,
) -> OutOfMemory:
    """Say which batch size to try: half of this one, or of that, until its tensors leave room for all else.

    Args:
        plan: The network.
        settings: How it was trained.
        machine: Where.
        room: How many bytes there were before training began, if that is known.
        processes: How many share a batch.
        goes_on: Whether the run had begun before, so that its batches stay what they are.
    """

    def needed(batch: int) -> int:
        return _needed(plan, settings, machine, -(-batch // processes))

    head = f"out of memory with batches of {settings.batch_size}"
    head += f", of which a process has {-(-settings.batch_size // processes)}" if processes > 1 else ""
    head += f": their tensors alone take {_size(needed(settings.batch_size))} by the plan"
    if room is not None:
        head += f", and {_size(room)} were free"
    size = _halved(settings.batch_size, 2, needed, machine, room)
    if size < 2:
        return OutOfMemory(f"{head}\n  not even batches of 2 fit: use a smaller network or a machine with more memory")
    if goes_on:
        again = f"or begin another with batch_size={size} ({_size(needed(size))})"
        return OutOfMemory(f"{head}\n  resume this run where there is more memory, {again}")
    return OutOfMemory(f"{head}\n  try batch_size={size} ({_size(needed(size))})")


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
    size = _halved(batch, 1, needed, machine, room)
    if size < 1:
        return OutOfMemory(f"{head}\n  not even one image fits: use a machine with more memory")
    return OutOfMemory(f"{head}\n  try batch_size={size} ({_size(needed(size))})")


@contextmanager
def built_in_memory(plan: Plan) -> Iterator[None]:
    """Say what a network needs where memory does not suffice to build it and run it with one image.

    Raises:
        OutOfMemory: It does not.
    """
    room = free_memory(torch.device("cpu"))
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        weights = 4 * (plan.parameters + plan.head_parameters)
        head = f"out of memory: the weights of {plan.name} take {_size(weights)} by the plan"
        head += f", the tensors of one image {_size(inference_memory(plan).peak)}"
        head += f"; {_size(room)} were free" if room is not None else ""
        advice = "use a smaller network or a machine with more memory; check, diff and flops --csv need none"
        raise OutOfMemory(f"{head}\n  {advice}") from error


def _halved(batch: int, least: int, needed: Callable[[int], int], machine: Machine, room: int | None) -> int:
    """Halve a batch, and again until its tensors leave room for all else or it is below the least."""
    usable = _USABLE.get(machine.device.type, _USUALLY_USABLE)
    size = batch // 2
    while room is not None and size >= least and needed(size) > usable * room:
        size //= 2
    return size


def _needed(plan: Plan, settings: TrainSettings, machine: Machine, batch: int) -> int:
    optimizer = Optimizer.ADAM
    if settings.optimizer is OptimizerName.SGD:
        optimizer = Optimizer.SGD_MOMENTUM if settings.momentum else Optimizer.SGD
    memory = training_memory(plan, batch=batch, optimizer=optimizer)
    activations = memory.activations
    if machine.precision is not Precision.FLOAT32:
        activations //= 2  # what autocast computes in, weights staying float32
    average = memory.weights if settings.ema_decay else 0
    return memory.total - memory.activations + activations + average


def _size(count: int) -> str:
    mebibytes = f"{count / 2**20:.1f} MiB"
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 or mebibytes == "1024.0 MiB" else mebibytes
