"""`archbuilder studies move`: a study moved to another storage."""

import sys
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
    """Move a study to another storage, with all of its trials, and the random search that it is compared with.

    The copy is compared before the study is removed where it was. The files in its folder stay.
    """
    from archbuilder.report.kept import find_study  # noqa: PLC0415
    from archbuilder.searching.opening import RANDOM_SEARCH  # noqa: PLC0415
    from archbuilder.storage import (  # noqa: PLC0415
        has_study,
        is_in,
        move_study,
        quiet_optuna,
    )

    def tell(sentence: str) -> None:
        print(sentence, file=sys.stderr)

    folder, url = find_study(context.obj["runs"], name).resolve(), None if to == _JOURNAL else to
    studies = {f"{folder.name}/{RANDOM_SEARCH}": folder / RANDOM_SEARCH, folder.name: folder}
    with quiet_optuna():
        for study, place in studies.items():
            if study == folder.name or (has_study(place) and not is_in(place, url)):  # by a move that was stopped
                trials, moved_to = move_study(study, place, url, tell)
                print(f"{study}: {trials} trials moved to {moved_to}")
