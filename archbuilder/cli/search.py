"""`archbuilder search`: a study, from its first trial or its last finished one to its table."""

from pathlib import Path
from typing import Annotated

import typer

from archbuilder.cli.arguments import Device, Precisions
from archbuilder.recipe import Precision


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(search)


def search(
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="A study file, or a shipped study by name, such as digits_widths.")
    ],
    trials: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Count N trials in place of the study's own number.")
    ] = None,
    runs: Annotated[
        Path, typer.Option(metavar="DIR", help="Where studies keep their journals, each in a folder of its name.")
    ] = Path("runs"),
    device: Device = "auto",
    precision: Precisions = Precision.AUTO,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show the final table alone.")] = False,
) -> None:
    """Search the widths of a study within its budget; run again, it goes on where it stopped.

    Exit status 130 if it is interrupted: what is finished is saved.
    """
    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.report.numbers import plural  # noqa: PLC0415
    from archbuilder.report.search import search_view  # noqa: PLC0415
    from archbuilder.report.search_table import result_table  # noqa: PLC0415
    from archbuilder.searching import load_study, run_study  # noqa: PLC0415
    from archbuilder.training import choose_machine  # noqa: PLC0415

    loaded = load_study(study)
    screen = console()
    view = search_view(screen, quiet=quiet)
    try:
        with view:
            result = run_study(
                loaded, runs=runs, trials=trials, observe=view, machine=choose_machine(device, precision)
            )
    except KeyboardInterrupt:
        saved = plural(view.standing.tally.counted, "finished trial")
        verb = "is" if view.standing.tally.counted == 1 else "are"
        screen.print(f"stopping: {saved} {verb} saved; run the same command to go on", highlight=False)
        raise typer.Exit(130) from None
    screen.print(result_table(result), highlight=False)
