"""`archbuilder play`: the playground."""

from pathlib import Path
from typing import Annotated

import typer

from archbuilder.cli.completion import complete_spec


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="See a network, change it and watch a search, on a local page.")(play)


def play(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[SPEC|STUDY]",
            autocompletion=complete_spec,
            help="A spec file, a shipped spec by name, a run, or a study; if left out, a new spec.",
        ),
    ] = "",
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Listen on this address; other machines need the token it prints.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port; the next free one if it is taken.")] = 8421,
) -> None:
    """Open the playground on this folder: nothing outside it is read or written.

    The page shows errors as you type, the drawing, costs, findings, and studies as they run. Ctrl-C stops it; what was
    typed and not saved is kept in `.archbuilder`, and is there again the next time.
    """
    from archbuilder.play.server import serve  # noqa: PLC0415

    serve(Path.cwd(), what, host=host, port=port)
    raise typer.Exit(130)  # it ends by Ctrl-C alone, also where the shell has its programs ignore that
