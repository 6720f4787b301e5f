"""`archbuilder scale`: one spec scaled uniformly onto a budget."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from archbuilder.cli.arguments import Spec
from archbuilder.cli.budgets import Budgets, MultipleOf, read_bounds
from archbuilder.errors import ArchbuilderError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Scale all widths of a network by one factor, onto a budget.")(scale)


def scale(
    spec: Spec,
    budget: Budgets,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The spec to write, such as half.yaml.")
    ],
    multiple_of: MultipleOf = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, max=65_536, help="Images per batch of a bounded latency; 1 if left out.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Where a bounded latency is measured: auto, cpu, cuda, cuda:1, mps.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, help="CPU threads of a bounded latency; by default torch's choice.")
    ] = None,
) -> None:
    """Write the largest network within a budget that differs from SPEC by one factor of all widths.

    It is the uniformly scaled baseline that a search compares with. Heads keep their widths; comments and layout of the
    file are kept, and its name is that of FILE. A budget above the spec scales it up. An existing file is never
    overwritten.

    Example: archbuilder scale googlenet --budget macs:50% -o half.yaml
    """
    bounds = read_bounds(budget)
    if output.exists():
        raise ArchbuilderError(f"{output}: already exists; choose another name or remove it")
    said = {"--batch-size": batch_size, "--device": device, "--threads": threads}
    given = {option: value for option, value in said.items() if value is not None}
    if given and "latency" not in bounds:
        raise typer.BadParameter("is for a bounded latency; add --budget latency:50%", param_hint=next(iter(given)))
    from rich.console import Console  # noqa: PLC0415

    from archbuilder.budgets.scale import scaled_onto  # noqa: PLC0415
    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.report.scale import costs_table, scaled_heading, scaled_notes  # noqa: PLC0415
    from archbuilder.spec.header import LONGEST_NAME  # noqa: PLC0415

    latency = {option[2:].replace("-", "_"): value for option, value in given.items()}
    with Console(stderr=True).status("measuring latencies" if "latency" in bounds else "scaling"):
        scaled = scaled_onto(spec, bounds, multiple_of=multiple_of, latency=latency)
    # By a name of its own, so that a run of it is not kept in the place of one of the spec.
    scaled.spec.renamed(output.stem[:LONGEST_NAME]).save(output)
    print(f"{output}  {scaled_heading(scaled)}")
    console().print(costs_table(scaled.costs, scaled.limits), highlight=False)
    for note in scaled_notes(scaled):
        print(f"note: {note}")
    before, after = quote(spec), quote(str(output))
    print(f"next: archbuilder diff {before} {after}\n      archbuilder train {after} --data DATA")
