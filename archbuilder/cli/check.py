"""`archbuilder check`: validate specs."""

import sys
from typing import Annotated

import typer

from archbuilder import ArchbuilderError, SpecError, load
from archbuilder.cli.completion import complete_spec
from archbuilder.cli.wording import in_command_line_terms
from archbuilder.errors.problem import MOST_SHOWN


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Check specs and show every error with its location.")(check)


def check(
    context: typer.Context,
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC", autocompletion=complete_spec, help="Spec files, shipped specs by name, or runs."
        ),
    ],
) -> None:
    """Check specs without building them and show every error with its location."""
    errors = 0
    for name in specs:
        try:
            plan = load(name).plan()
        except ArchbuilderError as error:
            if context.obj["debug"]:
                raise
            found = error.problems if isinstance(error, SpecError) else (error,)
            errors += len(found)
            shown = (in_command_line_terms(str(problem)) for problem in found[:MOST_SHOWN])
            print(*shown, sep="\n", file=sys.stderr)
            if len(found) > MOST_SHOWN:
                print(f"and {len(found) - MOST_SHOWN:,} more in {name}", file=sys.stderr)
        else:
            print(f"{name}: valid: {len(plan.layers)} layers, {plan.parameters:,} parameters, {plan.macs:,} MACs")
    if errors:
        print(f"{errors} error{'s' if errors > 1 else ''}", file=sys.stderr)
        raise typer.Exit(1)
