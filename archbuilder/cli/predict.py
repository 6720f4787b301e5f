"""`archbuilder predict`: the classes of pictures by a trained network."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from archbuilder.cli.arguments import Compiled, Device, Precisions, Threads
from archbuilder.cli.completion import complete_run
from archbuilder.cli.wording import in_command_line_terms
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import Precision


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Predict the classes of pictures.")(predict)


def predict(
    checkpoint: Annotated[
        Path,
        typer.Argument(metavar="RUN", autocompletion=complete_run, help="The folder of a run, or a checkpoint in it."),
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Pictures, and folders of them, with all folders in these; - reads a picture from standard input.",
        ),
    ] = None,
    files_from: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Read paths from a file, one a line; - is standard input."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=100_000, help="How many classes, the most probable first.")] = 5,
    batch_size: Annotated[int, typer.Option(min=1, max=65_536, help="Images per batch.")] = 32,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, for scripts.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print it as CSV: file, rank, class, probability.")] = False,
    device: Device = "auto",
    precision: Precisions = Precision.AUTO,
    compiled: Compiled = False,
    threads: Threads = None,
) -> None:
    """Predict the classes of pictures by a trained network, with their probabilities.

    Pictures are resized and normalized as in the training. One that cannot be read is an error on standard error and
    exit status 1; the others are predicted all the same.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv cannot be combined")
    if not files and files_from is None:
        raise typer.BadParameter("expected pictures: files, folders, - for standard input, or --files-from FILE")
    if [*(files or ()), files_from].count("-") > 1:
        raise typer.BadParameter("standard input can be read only once: found - twice")
    import torch  # noqa: PLC0415

    from archbuilder.report.predictions import show_csv, show_json, show_lines  # noqa: PLC0415
    from archbuilder.runs import read_checkpoint  # noqa: PLC0415
    from archbuilder.runs.predicting import Unreadable, predictions, scale_note  # noqa: PLC0415
    from archbuilder.training import choose_machine  # noqa: PLC0415

    if threads is not None:
        torch.set_num_threads(threads)
    machine = choose_machine(device, precision, compiled=compiled)
    trained = read_checkpoint(checkpoint)
    if note := scale_note(trained):
        print(f"note: {checkpoint} was {note}", file=sys.stderr)
    given = [*(files or ()), *(_lines(files_from) if files_from is not None else ())]
    show = show_json if as_json else show_csv if as_csv else show_lines
    failed = show(
        replace(each, reason=in_command_line_terms(each.reason)) if isinstance(each, Unreadable) else each
        for each in predictions(trained, _pictures(given), top=top, batch_size=batch_size, machine=machine)
    )
    if failed:
        raise typer.Exit(1)


def _lines(file: str) -> list[str]:
    """Return the paths in a file, one a line, or on standard input for `-`."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArchbuilderError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return [line for line in text.splitlines() if line]


def _pictures(files: Iterable[str]) -> Iterator[str | bytes]:
    """Yield paths, and the bytes of standard input."""
    for file in files:
        yield sys.stdin.buffer.read() if file == "-" else file
