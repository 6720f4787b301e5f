"""`archbuilder space`: what a study may try, before anything is trained."""

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Look over the space of a study.")(space)


def space(
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="A study file, or a shipped study by name, such as digits_widths.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, for scripts.")] = False,
) -> None:
    """Show the sites that a study searches, what its candidates cost, and how many are within the budget.

    Nothing is trained. Exit status 1 if no candidate is within the budget.
    """
    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.report.space import space_as_data, space_report  # noqa: PLC0415
    from archbuilder.study import load_study, survey  # noqa: PLC0415

    found = survey(load_study(study))
    if as_json:
        print(json.dumps(space_as_data(found), indent=2))
        return
    console().print(space_report(found), highlight=False)
