"""`archbuilder studies move`: a study moved to another storage."""

from typing import Annotated

import typer

from archbuilder.cli.completion import complete_kept_study

_JOURNAL = "journal"


def move(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", autocompletion=complete_kept_study, help="The name of a study, or the path of its folder."
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL|journal",
            help="A database, such as postgresql+psycopg://user@host/database or sqlite:///runs.db; "
            "or journal, the file in the study's folder.",
        ),
    ],
) -> None:
    """Move a study to another storage, with all of its trials.

    The copy is compared before the study is removed where it was. The files in its folder stay.
    """
    from archbuilder.searching.kept import find_study  # noqa: PLC0415
    from archbuilder.searching.storage import move_study  # noqa: PLC0415

    folder = find_study(context.obj["runs"], name)
    trials, place = move_study(folder.resolve().name, folder, None if to == _JOURNAL else to)
    print(f"{folder.name}: {trials} trials moved to {place}")
