"""Measurement of the latency of a network."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch

from archbuilder.modules import build_network
from archbuilder.plan.plan import Plan
from archbuilder.recipe import Precision
from archbuilder.training.machine import Machine, choose_machine, torch_threads

Timer = Callable[[Plan, Machine, int], int]
"""Return the latency of a network on a machine at a batch size, in microseconds."""

_MIN_SECONDS = 0.3
_MIN_RUNS = 20
_WARMUP_RUNS = 3


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
    with torch.inference_mode(), machine.autocast():
        (times,) = time_in_turn([lambda: network(images)], machine)
    return max(1, round(median(times) * 1e6))


@dataclass(frozen=True)
class Conditions:
    """What decides a latency beside the network; as text `batch size 1 on cpu with 2 threads`."""

    machine: Machine
    batch_size: int
    threads: int

    @classmethod
    def of(cls, machine: Machine, device: str, batch_size: int, threads: int | None) -> "Conditions":
        """Return conditions on a machine, unless a device is named; on torch's choice of threads, unless a number is.

        Raises:
            ArchbuilderError: There is no such device.
        """
        where = machine if device == "auto" else choose_machine(device)
        return cls(where, batch_size, threads or torch.get_num_threads())

    def measure(self, plan: Plan, timer: Timer | None = None) -> int:
        """Measure the latency of a network in microseconds; by `latency_of` unless a timer is given."""
        with torch_threads(self.threads):
            return (timer or latency_of)(plan, self.machine, self.batch_size)

    def __str__(self) -> str:
        return conditions_text(self.machine, self.batch_size, self.threads)


def time_in_turn(
    calls: Sequence[Callable[[], object]],
    machine: Machine,
    *,
    seconds: float = _MIN_SECONDS,
    repeats: int = _MIN_RUNS,
    clock: Callable[[], float] = time.perf_counter,
) -> list[list[float]]:
    """Time several calls in turn, so that a machine whose speed drifts slows all of them.

    Each round times every call once, and every other round in reverse order. Of several calls, each runs twice in its
    turn, and the second run counts: the first one finds the weights of another network in the caches, and threads of
    another library that still wait actively.

    Args:
        calls: What is timed, after three runs each that do not count.
        machine: The device that they run on.
        seconds: The time that is measured at least, for each call on average.
        repeats: The least number of rounds.
        clock: Returns the time in seconds.

    Returns:
        The seconds of each call, round by round.
    """
    for call in calls:
        for _ in range(_WARMUP_RUNS):
            call()
        _synchronize(machine)
    times: list[list[float]] = [[] for _ in calls]
    rounds = 0
    while rounds < repeats or sum(map(sum, times)) < seconds * len(calls):
        order = range(len(calls)) if rounds % 2 == 0 else reversed(range(len(calls)))
        for index in order:
            if len(calls) > 1:
                calls[index]()
                _synchronize(machine)
            started = clock()
            calls[index]()
            _synchronize(machine)
            times[index].append(clock() - started)
        rounds += 1
    return times


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
