"""`archbuilder diff`: what changed between two specs."""

import json
from typing import Annotated

import typer

from archbuilder import load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(diff)


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A spec file, a shipped spec by name, or a run.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The spec to compare it with.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the differences as JSON.")] = False,
) -> None:
    """Show how two specs differ by layer: widths, shapes, parameters, MACs."""
    from archbuilder.plan.difference import difference  # noqa: PLC0415
    from archbuilder.report.difference import difference_as_data, difference_table  # noqa: PLC0415
    from archbuilder.report.layers import console  # noqa: PLC0415

    plans = load(first).plan(), load(second).plan()
    rows = difference(*plans)
    if as_json:
        print(json.dumps(difference_as_data(*plans, rows), indent=2))
    else:
        console().print(difference_table(*plans, rows), highlight=False)
