"""The time of each layer."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import nn

from archbuilder.bench.variants import TimedNetwork
from archbuilder.costs.parts import parts
from archbuilder.training import Machine, time_in_turn, torch_threads

REST = "(between layers)"
"""The row of what no layer's module does: merges, factors and Python."""


@dataclass(frozen=True)
class LayerTime:
    """The time of a layer.

    Attributes:
        name: The layer.
        what: Its type.
        macs: Its multiply-adds for one image.
        seconds: The median of its time for a batch.
    """

    name: str
    what: str
    macs: int
    seconds: float


def time_layers(
    timed: TimedNetwork,
    machine: Machine,
    *,
    batch_size: int = 1,
    threads: int | None = None,
    depth: int | None = None,
    seconds: float = 1.0,
    repeats: int = 10,
    clock: Callable[[], float] = time.perf_counter,
) -> list[LayerTime]:
    """Measure each layer of a network in channels_last, in whole forward passes.

    Layers exist in eager execution alone: what is optimized or compiled runs across them.

    Args:
        timed: The network.
        machine: The device; it is synchronized after each layer.
        batch_size: The batch size.
        threads: CPU threads; by default as many as torch has.
        depth: How many levels of names are opened, as `parts` has it.
        seconds: The time that is measured at least.
        repeats: The least number of passes.
        clock: Returns the time in seconds.

    Returns:
        The layers in order, and last what lies between them.
    """
    network = copy.deepcopy(timed.network)
    network.to(machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = timed.images(batch_size).to(machine.device).contiguous(memory_format=torch.channels_last)
    taken: dict[str, list[float]] = {}
    watch = _Watch(clock, machine)
    layers = parts(timed.plan, depth)
    for layer in layers:
        module = _module(network, layer.name)
        if module is not None:
            taken[layer.name] = []
            module.register_forward_pre_hook(watch.start)
            module.register_forward_hook(watch.stop(taken[layer.name]))
    with torch_threads(threads), torch.inference_mode():
        (whole,) = time_in_turn([lambda: network(images)], machine, seconds=seconds, repeats=repeats, clock=clock)
    medians = {name: median(times[-len(whole) :]) for name, times in taken.items() if times}
    rows = [LayerTime(each.name, each.type, each.macs, medians.get(each.name, 0.0)) for each in layers]
    inside = sum(row.seconds for row in rows)
    return [*rows, LayerTime(REST, "", 0, max(0.0, median(whole) - inside))]


def _module(network: nn.Module, name: str) -> nn.Module | None:
    """Return the module of a layer; None for a fork without a name, or a parameter."""
    try:
        return network.get_submodule(name)
    except AttributeError:
        return None


class _Watch:
    """Hooks that time a module."""

    def __init__(self, clock: Callable[[], float], machine: Machine) -> None:
        self._clock = clock
        self._cuda = machine.device.type == "cuda"
        self._started = 0.0

    def start(self, module: nn.Module, inputs: Any) -> None:
        self._started = self._now()

    def stop(self, times: list[float]) -> Callable[[nn.Module, Any, Any], None]:
        def note(module: nn.Module, inputs: Any, output: Any) -> None:
            times.append(self._now() - self._started)

        return note

    def _now(self) -> float:
        if self._cuda:
            torch.cuda.synchronize()
        return self._clock()
