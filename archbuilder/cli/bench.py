"""`archbuilder bench`: latency and throughput of networks by several ways of running them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from archbuilder.cli.arguments import Depth
from archbuilder.cli.completion import complete_spec
from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.recipe import Precision

if TYPE_CHECKING:
    from rich.console import Console

    from archbuilder.bench import TimedNetwork, Variant
    from archbuilder.training import Machine


class Parts(StrEnum):
    """What times are broken down by."""

    LAYER = "layer"


@dataclass(frozen=True)
class Job:
    """A network under conditions that are measured at once."""

    timed: TimedNetwork
    machine: Machine
    threads: int
    batch_size: int

    @property
    def title(self) -> str:
        """What is measured: `googlenet, batch size 1 on cpu with 2 threads`."""
        from archbuilder.training import conditions_text  # noqa: PLC0415

        return f"{self.timed.name}, {conditions_text(self.machine, self.batch_size, self.threads)}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Measure latency: eager, optimized, compiled, ONNX Runtime.")(bench)


def bench(
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC|RUN...",
            autocompletion=complete_spec,
            help="Spec files, shipped specs by name, folders of runs, or checkpoints.",
        ),
    ],
    batch: Annotated[str, typer.Option(metavar="N,...", help="Batch sizes.")] = "1,8,32",
    threads: Annotated[
        str | None, typer.Option(metavar="N,...", help="CPU threads; by default torch's choice.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="NAME,...", help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    only: Annotated[
        str | None,
        typer.Option(
            metavar="WAY,...",
            help="Ways beside eager: channels_last, optimized, compiled, onnxruntime, openvino; by default all.",
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0, max=3600, help="Measure each way at least so long.")] = 1.0,
    repeats: Annotated[int, typer.Option(min=1, max=100_000, help="Measure each way at least so many times.")] = 10,
    by: Annotated[Parts | None, typer.Option(help="Show the time of each layer instead, in channels_last.")] = None,
    depth: Depth = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the times as JSON.")] = False,
) -> None:
    """Measure how fast networks run: eager, channels_last, optimized, compiled, by ONNX Runtime and by OpenVINO.

    All ways are timed in turn, after their outputs agree. The weights of a spec are random, which does not affect the
    time. Other load on the machine does.

    Exit status 1 if no device is available, or if outputs differ.
    """
    if depth is not None and by is None:
        raise typer.BadParameter("--depth requires --by layer")
    sizes = _numbers("--batch", batch, 65_536)
    counts = _numbers("--threads", threads, 1024) if threads is not None else ()
    from archbuilder.report.layers import console  # noqa: PLC0415

    variants = _variants(only)
    machines, absent = _machines(device)
    jobs = list(_jobs([_timed_network(name) for name in specs], machines, counts, sizes))
    screen = console()
    if by is not None:
        data = {"layers": _time_layers(screen, jobs, depth, seconds, repeats, as_json=as_json)}
    else:
        data = {"comparisons": _compare(screen, jobs, variants, seconds, repeats, as_json=as_json)}
    if as_json:
        print(json.dumps({**data, "not_available": absent}, indent=2))
        return
    for name, reason in absent.items():
        screen.print(f"{name}: {reason}", style="dim", highlight=False, markup=False, soft_wrap=True)


def _compare(
    screen: Console, jobs: Sequence[Job], variants: Sequence[Variant], seconds: float, repeats: int, *, as_json: bool
) -> list[object]:
    """Measure the ways of running each network, and print a table of them, or return their JSON data."""
    from archbuilder.bench import compare  # noqa: PLC0415
    from archbuilder.report import bench as report  # noqa: PLC0415

    found = []
    for job in jobs:
        with screen.status(job.title) if screen.is_terminal and not as_json else nullcontext():
            found.append(
                compare(
                    job.timed,
                    job.machine,
                    batch_size=job.batch_size,
                    threads=job.threads,
                    variants=variants,
                    seconds=seconds,
                    repeats=repeats,
                )
            )
    if not as_json:
        screen.print(report.conditions(found), highlight=False, markup=False, soft_wrap=True)
        table = report.bench_table(found)
        screen.width = max(screen.width, screen.measure(table).minimum)  # no row is folded
        screen.print(table)
        for line in report.bench_notes(found):
            screen.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)
    return [report.comparison_as_data(one) for one in found]


def _time_layers(
    screen: Console, jobs: Sequence[Job], depth: int | None, seconds: float, repeats: int, *, as_json: bool
) -> list[object]:
    """Measure the layers of each network, and print a table of them, or return their JSON data."""
    from archbuilder.bench import time_layers  # noqa: PLC0415
    from archbuilder.report import bench as report  # noqa: PLC0415

    data: list[object] = []
    for job in jobs:
        rows = time_layers(
            job.timed,
            job.machine,
            batch_size=job.batch_size,
            threads=job.threads,
            depth=depth,
            seconds=seconds,
            repeats=repeats,
        )
        conditions = {"batch_size": job.batch_size, "threads": job.threads, "device": str(job.machine.device)}
        data.append({"network": job.timed.name, **conditions, "rows": report.layers_as_data(rows, job.batch_size)})
        if not as_json:
            screen.print(f"{job.title}, channels_last", highlight=False, markup=False)
            screen.print(report.layers_table(rows, job.batch_size))
    return data


def _jobs(
    networks: Sequence[TimedNetwork], machines: Sequence[Machine], counts: Sequence[int], sizes: Sequence[int]
) -> Iterator[Job]:
    import torch  # noqa: PLC0415

    for machine in machines:
        for timed in networks:
            for threads in counts or (torch.get_num_threads(),):
                for size in sizes:
                    yield Job(timed, machine, threads, size)


def _machines(names: str) -> tuple[list[Machine], dict[str, str]]:
    """Return the devices that there are, and why there are no others.

    Raises:
        ArchbuilderError: There is none.
    """
    from archbuilder.training import choose_machine  # noqa: PLC0415

    machines: list[Machine] = []
    absent: dict[str, str] = {}
    for name in names.split(","):
        try:
            machines.append(choose_machine(name.strip(), Precision.FLOAT32))
        except ArchbuilderError as error:
            absent[name.strip()] = str(error).splitlines()[0]
    if not machines:
        raise ArchbuilderError("\n".join([*absent.values(), "  device='cpu' always is"]))
    return machines, absent


def _timed_network(name: str) -> TimedNetwork:
    """Return what is measured: a spec with random weights, or the network of a run."""
    from archbuilder.bench import TimedNetwork  # noqa: PLC0415
    from archbuilder.exporting.network import network_to_export  # noqa: PLC0415

    found = network_to_export(name)
    network = found.network()
    return TimedNetwork(name if found.is_trained else found.spec.name, found.plan, network)


def _variants(names: str | None) -> list[Variant]:
    from archbuilder.bench import Variant  # noqa: PLC0415

    known = [variant.value for variant in Variant]
    if names is None:
        return list(Variant)
    chosen = [name.strip() for name in names.split(",")]
    for name in chosen:
        if name not in known:
            raise typer.BadParameter(
                f"--only: {name!r} is unknown{did_you_mean(name, known)}; the ways are {', '.join(known)}"
            )
    return [Variant(name) for name in chosen]


def _numbers(option: str, text: str, most: int) -> tuple[int, ...]:
    """Read integers with commas between them."""
    numbers = tuple(int(part) if part.strip().isdecimal() else 0 for part in text.split(","))
    if not all(1 <= number <= most for number in numbers):
        raise typer.BadParameter(f"{option}: expected integers from 1 to {most:,} such as 1,8, found {text!r}")
    return numbers
