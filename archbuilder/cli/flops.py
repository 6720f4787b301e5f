"""`archbuilder flops`: what the network costs, counted twice."""

import json
from typing import Annotated

import typer

from archbuilder import load
from archbuilder.cli.arguments import Spec
from archbuilder.costs.breakdown import By, Sort, breakdown, sort_rows


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Count MACs by layer, and by fvcore too.")(flops)


def flops(
    spec: Spec,
    by: Annotated[By | None, typer.Option(help="Show where the costs lie, by these parts.")] = None,
    sort: Annotated[Sort | None, typer.Option(help="Sort the parts by a column, the largest number first.")] = None,
    # -- options of other checks, such as --check, stand here --
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON, for scripts.")] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print the parts alone as CSV, without fvcore's count.")
    ] = False,
) -> None:
    """Count parameters, MACs and FLOPs by layer, and compare with fvcore's count of the built network.

    Exit status 1 if the two counts differ.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    loaded = load(spec)
    plan = loaded.plan()
    if by is None and (sort or as_csv):
        by = By.LAYER
    rows = sort_rows(breakdown(plan, by), sort) if by else []
    from archbuilder.report.breakdown import print_breakdown, rows_as_csv, rows_as_data  # noqa: PLC0415

    if as_csv:
        print(rows_as_csv(rows), end="")
        return
    from archbuilder.crosscheck.fvcore_count import compare, count_with_fvcore  # noqa: PLC0415
    from archbuilder.report.counts import comparison, counts_as_data  # noqa: PLC0415
    from archbuilder.report.layers import console, heading, layer_table, totals  # noqa: PLC0415

    count = count_with_fvcore(loaded.build(aux=False), plan.input_shape)
    differences = compare(plan, count)
    if as_json:
        data = counts_as_data(plan, count, differences)
        if by:
            data |= {"by": by.value, "rows": rows_as_data(rows)}
        print(json.dumps(data, indent=2))
    else:
        screen = console()
        screen.print(heading(plan, loaded.document.source.name), soft_wrap=True)  # a path stays in one piece
        if by:
            print_breakdown(screen, plan, by, rows)
        else:
            screen.print(layer_table(plan))
        screen.print(totals(plan))
        # -- what other checks of the count find, such as --check's, is printed here --
        screen.print(comparison(plan, count, differences))
    if differences:
        raise typer.Exit(1)
