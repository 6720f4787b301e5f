"""Comparison of the ways of running a network: agreement first, then times in turn."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - everybody's name for it

from archbuilder.bench.variants import Call, TimedNetwork, Unavailable, Variant, first_run
from archbuilder.errors import ArchbuilderError
from archbuilder.modules.agreement import relative_difference
from archbuilder.training import Machine, time_in_turn, torch_threads

TOLERANCE = 1e-3
"""The largest difference between outputs that agree, relative to the largest output of eager.

Ten times as much on a GPU, whose convolutions multiply in TF32 by default.
"""

_SIDE = 1024  # of the matrices whose product is the machine's rate


@dataclass(frozen=True)
class Measured:
    """The times of one way of running a network.

    Attributes:
        variant: The way.
        seconds: The time of each round for a batch.
        speedup: The median over the rounds of eager's time as a multiple of its own.
        difference: The largest difference from eager's outputs, relative to the largest of these.
    """

    variant: Variant
    seconds: tuple[float, ...]
    speedup: float
    difference: float

    @property
    def median(self) -> float:
        """The median in seconds."""
        return median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile in seconds: half of the rounds lie between them."""
        if len(self.seconds) < 2:
            return self.seconds[0], self.seconds[0]
        first, _, third = quantiles(self.seconds, n=4, method="inclusive")
        return first, third


@dataclass(frozen=True)
class Skipped:
    """A way of running a network that was not measured, and why."""

    variant: Variant
    reason: str


@dataclass(frozen=True)
class Comparison:
    """The ways of running one network under the same conditions.

    Attributes:
        network: Its name.
        macs: Its multiply-adds for one image.
        batch_size: The batch size.
        threads: CPU threads.
        device: The device.
        matmul_rate: Floating-point operations a second of the machine's own matrix product, in the same rounds.
        rows: What was measured, and what was not.
    """

    network: str
    macs: int
    batch_size: int
    threads: int
    device: str
    matmul_rate: float
    rows: tuple[Measured | Skipped, ...]

    def rate(self, row: Measured) -> float:
        """Return floating-point operations a second: two for each multiply-add."""
        return 2 * self.macs * self.batch_size / row.median

    def images_per_second(self, row: Measured) -> float:
        """Return the throughput."""
        return self.batch_size / row.median


def compare(
    timed: TimedNetwork,
    machine: Machine,
    *,
    batch_size: int = 1,
    threads: int | None = None,
    variants: Sequence[Variant] = tuple(Variant),
    seconds: float = 1.0,
    repeats: int = 10,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Measure the ways of running a network, in turn, after their outputs agree.

    Args:
        timed: The network.
        machine: The device; the precision is float32.
        batch_size: The batch size.
        threads: CPU threads; by default as many as torch has.
        variants: The ways; eager is always one.
        seconds: The time that is measured at least, for each on average.
        repeats: The least number of rounds.
        clock: Returns the time in seconds.

    Raises:
        ArchbuilderError: The outputs of a way differ from eager's by more than `TOLERANCE` allows.
    """
    images = timed.images(batch_size).to(machine.device)
    with torch_threads(threads), torch.inference_mode():
        ready: dict[Variant, tuple[Call, float]] = {}
        skipped: dict[Variant, Skipped] = {}
        chosen = [variant for variant in Variant if variant is Variant.EAGER or variant in variants]
        expected: Tensor | None = None
        for variant in chosen:
            try:
                call, output = first_run(variant, timed, machine, images)
            except Unavailable as reason:
                skipped[variant] = Skipped(variant, str(reason))
                continue
            expected = output if expected is None else expected
            ready[variant] = call, _agreement(timed, variant, output, expected, machine)
        products = _matrix_products(machine)
        calls = [_bound(call, images) for call, _ in ready.values()]
        times = time_in_turn([*calls, *products], machine, seconds=seconds, repeats=repeats, clock=clock)
        used = torch.get_num_threads()
    own = dict(zip(ready, times, strict=False))
    measured = {
        variant: Measured(
            variant,
            tuple(taken),
            median(eager / mine for eager, mine in zip(own[Variant.EAGER], taken, strict=True)),
            ready[variant][1],
        )
        for variant, taken in own.items()
    }
    rate = max(2 * _SIDE**3 / median(taken) for taken in times[len(own) :])
    rows = tuple(measured.get(variant) or skipped[variant] for variant in chosen)
    return Comparison(timed.name, timed.plan.macs, batch_size, used, str(machine.device), rate, rows)


def _bound(call: Call, images: Tensor) -> Callable[[], Tensor]:
    return lambda: call(images)


def _agreement(timed: TimedNetwork, variant: Variant, output: Tensor, expected: Tensor, machine: Machine) -> float:
    """Return the relative difference of outputs that agree."""
    most = TOLERANCE if machine.device.type == "cpu" else 10 * TOLERANCE
    difference = relative_difference(output, expected)
    if difference > most:
        raise ArchbuilderError(
            f"{timed.name}: the outputs of {variant.value} differ from eager's by {difference:.1e} of the largest; "
            f"expected at most {most:.0e}\n  its time would be that of another function; this is a fault of "
            f"{variant.value}, or the weights are not finite"
        )
    return difference


def _matrix_products(machine: Machine) -> list[Callable[[], Tensor]]:
    """Return the product of two square matrices by both of torch's libraries, of which the faster one counts.

    `torch.mm` is MKL's on most CPUs, which on processors of other makers takes half of their width; a 1x1 convolution
    is the same product by the library of the convolutions.
    """
    left, right = torch.randn(2, _SIDE, _SIDE, device=machine.device)
    positions = left.t().contiguous().view(1, _SIDE, 32, -1).contiguous(memory_format=torch.channels_last)
    kernels = right.t().contiguous().view(_SIDE, _SIDE, 1, 1).contiguous(memory_format=torch.channels_last)
    return [lambda: torch.mm(left, right), lambda: F.conv2d(positions, kernels)]
