"""How long a network takes for one image."""

import time
from statistics import median

import torch

from archbuilder.modules import build_network
from archbuilder.plan.plan import Plan
from archbuilder.training.machine import Machine

_SECONDS = 0.3  # of measuring, at least
_RUNS = 20  # at least


def latency_of(plan: Plan, machine: Machine, *, batch: int = 1) -> int:
    """Measure how long a network takes in evaluation, with weights of no meaning; a median, in microseconds.

    It is what this machine does now: whatever else runs on it is measured too.

    Args:
        plan: The network.
        machine: Where it runs and in which numbers.
        batch: How many images at once.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(plan, aux=False).eval()
    network.to(machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.zeros(batch, *plan.input_shape, device=machine.device)
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


def _wait(machine: Machine) -> None:
    if machine.device.type == "cuda":
        torch.cuda.synchronize(machine.device)
