"""`archbuilder report`: a network, a run or a study as one HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from archbuilder.cli.arguments import Device
from archbuilder.cli.completion import complete_spec
from archbuilder.cli.evaluate import Split
from archbuilder.recipe import RUNS


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Write a page on a network, a run or a study.")(report)


def report(
    name: Annotated[
        str,
        typer.Argument(
            metavar="SPEC|RUN|STUDY",
            autocompletion=complete_spec,
            help="A spec file, a shipped spec by name, the folder of a run, or a study by its name or folder.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Where to write; report.html in the folder of a run or a study, NAME.html for a spec.",
        ),
    ] = None,
    split: Annotated[Split, typer.Option(help="The images that a run is evaluated on.")] = Split.VALIDATION,
    device: Device = "auto",
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all studies.")] = RUNS,
) -> None:
    """Write one self-contained page.

    Of a network: its drawing, its costs by layer and branch, what lint finds, and the spec. Of a run: also its curves,
    its confusion matrix with pictures of what was confused. Of a study: its result, front, history, importance, trials,
    and the best networks side by side.
    """
    from archbuilder.pages.opening import write_report  # noqa: PLC0415

    print(write_report(name, output, runs=runs, split=split.value, device=device))
