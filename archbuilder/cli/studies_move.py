"""`archbuilder studies move`: a study moved to another storage."""

import sys
from pathlib import Path
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
    from archbuilder.storage import has_study, move_study  # noqa: PLC0415

    def tell(sentence: str) -> None:
        print(sentence, file=sys.stderr)

    runs: Path = context.obj["runs"]
    found = (folder for folder in (Path(name), runs / name) if has_study(folder))
    folder = (next(found, None) or find_study(runs, name)).resolve()
    trials, place = move_study(folder.name, folder, None if to == _JOURNAL else to, tell)
    print(f"{folder.name}: {trials} trials moved to {place}")
