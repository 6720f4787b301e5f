"""`archbuilder flops`: what the network costs, counted twice."""

import json
from typing import Annotated

import typer

from archbuilder import load
from archbuilder.cli.arguments import Spec


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Count MACs by layer, and by fvcore too.")(flops)


def flops(
    spec: Spec,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON, for scripts.")] = False,
) -> None:
    """Count parameters, MACs and FLOPs by layer, and compare with fvcore's count of the built network.

    Exit status 1 if the two counts differ.
    """
    loaded = load(spec)
    plan = loaded.plan()
    from archbuilder.crosscheck.fvcore_count import compare, count_with_fvcore  # noqa: PLC0415
    from archbuilder.report.counts import comparison, counts_as_data  # noqa: PLC0415
    from archbuilder.report.layers import console, heading, layer_table, totals  # noqa: PLC0415

    count = count_with_fvcore(loaded.build(aux=False), plan.input_shape)
    differences = compare(plan, count)
    if as_json:
        print(json.dumps(counts_as_data(plan, count, differences), indent=2))
    else:
        screen = console()
        screen.print(heading(plan, loaded.document.source.name), soft_wrap=True)  # a path stays in one piece
        screen.print(layer_table(plan), totals(plan), sep="\n")
        screen.print(comparison(plan, count, differences))
    if differences:
        raise typer.Exit(1)
