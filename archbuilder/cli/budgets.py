"""Options for a budget and for how a bounded latency is measured, shared by the commands that have one."""

from typing import Annotated, Any

import typer

Budgets = Annotated[
    list[str],
    typer.Option(
        "--budget",
        metavar="QUANTITY:AMOUNT",
        help="A bound: macs:50%, parameters:1M, activations, memory:2M, latency:3ms; repeatable. "
        "'macs:50% within 1%' is an error if nothing is as near.",
    ),
]
MultipleOf = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=65_536,
        metavar="N",
        help="What widths are multiples of, beside what groups of the network need; by default 1.",
    ),
]
LatencyBatch = Annotated[
    int | None,
    typer.Option("--latency-batch", min=1, max=65_536, help="Images per batch of a bounded latency; 1 if left out."),
]


def read_bounds(entries: list[str]) -> dict[str, Any]:
    """Read bounds such as `macs:50%` or `macs:50% within 1%`, as a study's file has them."""
    bounds: dict[str, Any] = {}
    for entry in entries:
        quantity, _, amount = (part.strip() for part in entry.partition(":"))
        if not quantity or not amount:
            message = f"found {entry!r}, expected QUANTITY:AMOUNT, such as macs:50% or parameters:1M"
            raise typer.BadParameter(message, param_hint="--budget")
        if quantity in bounds:
            raise typer.BadParameter(f"{quantity} is bounded twice", param_hint="--budget")
        target, within, margin = amount.partition(" within ")
        bounds[quantity] = {"target": target.strip(), "within": margin.strip()} if within else amount
    return bounds
