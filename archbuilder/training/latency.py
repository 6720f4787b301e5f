"""Measurement of the latency of a network."""

import time
from collections.abc import Callable
from statistics import median

import torch

from archbuilder.modules import build_network
from archbuilder.plan.plan import Plan
from archbuilder.recipe import Precision
from archbuilder.training.machine import Machine

Timer = Callable[[Plan, Machine, int], int]
"""Return the latency of a network on a machine at a batch size, in microseconds."""

_MIN_SECONDS = 0.3
_MIN_RUNS = 20


def latency_of(plan: Plan, machine: Machine, batch_size: int = 1) -> int:
    """Measure the median latency of a network in evaluation, in microseconds, with random weights.

    Other load on the machine affects the result.

    Args:
        plan: The network.
        machine: Device and precision.
        batch_size: The batch size.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(plan, aux=False).eval()
    network.to(machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.zeros(batch_size, *plan.input_shape, device=machine.device)
    times: list[float] = []
    with torch.inference_mode(), machine.autocast():
        for _ in range(3):
            network(images)
        _synchronize(machine)
        while len(times) < _MIN_RUNS or sum(times) < _MIN_SECONDS:
            started = time.perf_counter()
            network(images)
            _synchronize(machine)
            times.append(time.perf_counter() - started)
    return max(1, round(median(times) * 1e6))


def conditions_text(machine: Machine, batch_size: int, threads: int) -> str:
    """Format the conditions of a latency: `batch size 1 on cpu with 2 threads`."""
    device = machine.device
    where = f"cpu with {threads} thread{'' if threads == 1 else 's'}" if device.type == "cpu" else f"{device.type}"
    if device.type == "cuda":
        where = torch.cuda.get_device_name(device)
    numbers = "" if machine.precision is Precision.FLOAT32 else f" in {machine.precision.value}"
    return f"batch size {batch_size} on {where}{numbers}"


def _synchronize(machine: Machine) -> None:
    if machine.device.type == "cuda":
        torch.cuda.synchronize(machine.device)
