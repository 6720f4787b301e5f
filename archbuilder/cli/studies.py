"""`archbuilder studies`: list, show, compare and export studies."""

import json
from pathlib import Path
from typing import Annotated

import typer

from archbuilder.cli.completion import complete_kept_study
from archbuilder.cli.studies_move import move
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import RUNS

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", autocompletion=complete_kept_study, help="The name of a study, or the path of its folder."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON, for scripts.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    group = typer.Typer(rich_markup_mode=None)
    group.callback(invoke_without_command=True)(studies)
    for command in (list_studies, show, compare, export):
        group.command("list" if command is list_studies else None)(command)
    group.command("move")(move)
    app.add_typer(group, name="studies", short_help="List, show, compare, export and move studies.")


def studies(
    context: typer.Context,
    runs: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of all studies; each has a subfolder of its name.")
    ] = RUNS,
) -> None:
    """List all studies, show one, compare several, or export one."""
    context.obj = {**(context.obj or {}), "runs": runs}
    if context.invoked_subcommand is None:
        list_studies(context)


def list_studies(context: typer.Context, as_json: AsJson = False) -> None:
    """List all studies with their state and best trial."""
    from archbuilder.report.kept import kept_studies, nothing_kept, studies_as_data, studies_table  # noqa: PLC0415  # noqa: PLC0415
    from archbuilder.report.layers import console  # noqa: PLC0415

    found = kept_studies(_runs(context))
    if as_json:
        print(json.dumps(studies_as_data(found), indent=2))
    elif found:
        console().print(studies_table(found), highlight=False)
    else:
        print(nothing_kept(_runs(context)))


def show(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show the results of a study, and update its report.html."""
    from archbuilder.pages.study import write_page  # noqa: PLC0415
    from archbuilder.report.kept import find_study, kept_study  # noqa: PLC0415
    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.report.studies import study_as_data, study_report  # noqa: PLC0415
    from archbuilder.searching.result import compared_result  # noqa: PLC0415

    kept = kept_study(find_study(_runs(context), name))
    state, result = str(kept.state), compared_result(kept.stored)
    if as_json:
        print(json.dumps(study_as_data(result, state), indent=2))
        return
    screen = console()
    screen.print(study_report(result, state), highlight=False)
    try:
        page = f"report: {write_page(result)}"
    except ArchbuilderError as error:  # somebody else's folder
        page = f"no report: {error}"
    screen.print(page, markup=False, highlight=False, soft_wrap=True)


def compare(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME NAME [NAME]...",
            autocompletion=complete_kept_study,
            help="Two or more studies; the others are compared with the first.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Compare the baselines and the best networks of studies."""
    from archbuilder.report.kept import find_study  # noqa: PLC0415
    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.report.studies import comparison_as_data, comparison_report  # noqa: PLC0415
    from archbuilder.searching import read_result  # noqa: PLC0415

    if len(names) < 2:
        raise typer.BadParameter("at least two studies are needed")
    results = [read_result(find_study(_runs(context), name)) for name in names]
    if as_json:
        print(json.dumps(comparison_as_data(results), indent=2))
        return
    console().print(comparison_report(results), highlight=False)


def export(
    context: typer.Context,
    name: Name,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder to write to; NAME-export if left out.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files that differ.")] = False,
) -> None:
    """Write the results of a study into a folder.

    These are its trials, report.html with its charts, and the best specs with their weights.
    """
    from archbuilder.pages.study_export import export_study  # noqa: PLC0415
    from archbuilder.report.kept import find_study  # noqa: PLC0415
    from archbuilder.searching import read_result  # noqa: PLC0415

    result = read_result(find_study(_runs(context), name))
    folder = Path(f"{result.study.name}-export") if output is None else output
    for path in export_study(result, folder, force=force):
        print(f"written: {path}")


def _runs(context: typer.Context) -> Path:
    runs = context.obj["runs"]
    assert isinstance(runs, Path)
    return runs
