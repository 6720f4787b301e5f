"""`archbuilder flops`: parameters, MACs and memory of a network, compared with independent counters."""

import json
from typing import Annotated

import typer

from archbuilder import load
from archbuilder.cli.arguments import Depth, Spec
from archbuilder.costs.options import By, Dtype, Sort
from archbuilder.optimizers import OptimizerName


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Count MACs by layer and compare with fvcore.")(flops)


def flops(
    spec: Spec,
    by: Annotated[By | None, typer.Option(help="Group the costs by these parts.")] = None,
    depth: Depth = None,
    sort: Annotated[Sort | None, typer.Option(help="Sort the parts by a column, largest first.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with every independent counter, including memory allocations.")
    ] = False,
    memory: Annotated[
        bool, typer.Option("--memory", help="Show memory held and moved in inference and in training.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, max=1_000_000, help="Batch size for --memory.")] = 1,
    dtype: Annotated[Dtype, typer.Option(help="Data type for --memory.")] = Dtype.FLOAT32,
    optimizer: Annotated[OptimizerName, typer.Option(help="Optimizer for --memory.")] = OptimizerName.SGD,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print only the parts, as CSV, without fvcore's count.")
    ] = False,
) -> None:
    """Count parameters, MACs and FLOPs by layer, and compare with fvcore's count of the built network.

    Exit status 1 if a count differs.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv cannot be combined")
    if depth is not None and by not in {None, By.LAYER}:
        raise typer.BadParameter(f"--depth requires --by layer, not --by {by}")
    loaded = load(spec)
    plan = loaded.plan()
    if by is None and (sort or as_csv or (as_json and depth is not None)):
        by = By.LAYER
    from archbuilder.costs.breakdown import breakdown, sort_rows  # noqa: PLC0415
    from archbuilder.report.breakdown import print_breakdown, rows_as_csv, rows_as_data  # noqa: PLC0415

    rows = sort_rows(breakdown(plan, by, depth), sort) if by else []
    if as_csv:
        print(rows_as_csv(rows), end="")
        return
    from archbuilder.crosscheck.check import cross_check  # noqa: PLC0415
    from archbuilder.crosscheck.fvcore_count import compare, count_with_fvcore  # noqa: PLC0415
    from archbuilder.report.checks import checks_as_data, checks_table  # noqa: PLC0415
    from archbuilder.report.counts import comparison, counts_as_data  # noqa: PLC0415
    from archbuilder.report.layers import console, heading, layer_table, totals  # noqa: PLC0415
    from archbuilder.report.memory import Setting, memory_as_data, memory_report  # noqa: PLC0415
    from archbuilder.runs.memory_advice import built_in_memory  # noqa: PLC0415

    memory_data = memory_as_data(plan, Setting(batch, dtype, optimizer)) if memory else None
    with built_in_memory(plan):
        count = count_with_fvcore(loaded.build(aux=False), plan.input_shape)
        differences = compare(plan, count)
        checked = cross_check(plan, count) if check else None
    if as_json:
        data = counts_as_data(plan, count, differences)
        data |= {"by": by.value, "rows": rows_as_data(rows)} if by else {}
        data |= {"memory": memory_data} if memory_data else {}
        data |= {"checks": checks_as_data(checked)["checks"]} if checked else {}
        print(json.dumps(data, indent=2))
    else:
        screen = console()
        screen.print(heading(plan, loaded.document.source.name), soft_wrap=True)  # a path stays in one piece
        if by:
            print_breakdown(screen, plan, by, rows)
        elif not memory_data:
            screen.print(layer_table(plan, depth))
        screen.print(totals(plan))
        if memory_data:
            screen.print(memory_report(memory_data))
        screen.print(checks_table(checked) if checked else comparison(plan, count, differences))
    if differences or (checked and not checked.equal):
        raise typer.Exit(1)
