"""How long a network takes for a batch of images."""

import time
from collections.abc import Callable
from statistics import median

import torch

from archbuilder.modules import build_network
from archbuilder.plan.plan import Plan
from archbuilder.recipe import Precision
from archbuilder.training.machine import Machine

Timer = Callable[[Plan, Machine, int], int]
"""Gives how many microseconds a network takes on a machine for a batch of so many images."""

_SECONDS = 0.3  # of measuring, at least
_RUNS = 20  # at least


def latency_of(plan: Plan, machine: Machine, batch_size: int = 1) -> int:
    """Measure how long a network takes in evaluation, with weights of no meaning; a median, in microseconds.

    It is what this machine does now: whatever else runs on it is measured too.

    Args:
        plan: The network.
        machine: Device and precision.
        batch_size: How many images at once.
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
        _wait(machine)
        while len(times) < _RUNS or sum(times) < _SECONDS:
            started = time.perf_counter()
            network(images)
            _wait(machine)
            times.append(time.perf_counter() - started)
    return max(1, round(median(times) * 1e6))


def conditions_text(machine: Machine, batch_size: int, threads: int) -> str:
    """Say what decides a latency beside the network: `batch size 1 on cpu with 2 threads`."""
    device = machine.device
    where = f"cpu with {threads} thread{'' if threads == 1 else 's'}" if device.type == "cpu" else f"{device.type}"
    if device.type == "cuda":
        where = torch.cuda.get_device_name(device)
    numbers = "" if machine.precision is Precision.FLOAT32 else f" in {machine.precision.value}"
    return f"batch size {batch_size} on {where}{numbers}"


def _wait(machine: Machine) -> None:
    if machine.device.type == "cuda":
        torch.cuda.synchronize(machine.device)
