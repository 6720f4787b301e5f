"""`archbuilder space`: show the search space and budget of a study."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from archbuilder.cli.arguments import Device
from archbuilder.cli.completion import complete_study

if TYPE_CHECKING:
    from archbuilder.study import Study
    from archbuilder.survey import Survey


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Show the search space of a study.")(space)


def space(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            autocompletion=complete_study,
            help="A study file, or a shipped study by name, such as digits_widths.",
        ),
    ],
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, for scripts.")] = False,
) -> None:
    """Show the search space of a study, the costs of its candidates, and the share within the budget.

    Nothing is trained; latency is measured if the budget bounds it. Exit status 1 if no candidate is within the budget.
    """
    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.report.space import space_as_data, space_report  # noqa: PLC0415
    from archbuilder.study import load_study  # noqa: PLC0415
    from archbuilder.survey import survey  # noqa: PLC0415

    loaded = load_study(study)
    found = _timed_survey(loaded, device) if "latency" in loaded.bounded else survey(loaded)
    if as_json:
        print(json.dumps(space_as_data(found), indent=2))
        return
    console().print(space_report(found), highlight=False)


def _timed_survey(study: "Study", device: str) -> "Survey":
    """Survey a space whose latencies are measured, and show the progress."""
    from rich.console import Console  # noqa: PLC0415

    from archbuilder.report.study_texts import amount  # noqa: PLC0415
    from archbuilder.searching import Event, LatencyMeasured, Stopwatch  # noqa: PLC0415
    from archbuilder.survey import survey  # noqa: PLC0415
    from archbuilder.training import choose_machine  # noqa: PLC0415

    screen, times = Console(stderr=True), 0
    with screen.status("measuring latencies") as status:

        def show(event: Event) -> None:
            nonlocal times
            times += 1
            if isinstance(event, LatencyMeasured):
                last = amount("latency", event.latency)
                status.update(f"measuring latencies: {times} measured, the last {last}, {event.conditions}")

        stopwatch = Stopwatch(study, choose_machine(device), observe=show)
        return survey(stopwatch.timed(study), measure=stopwatch.measuring("candidates of the space"))
