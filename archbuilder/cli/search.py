"""`archbuilder search`: run or resume a study, and show its result."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from archbuilder.cli.arguments import Device, Precisions
from archbuilder.cli.completion import complete_study
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import RUNS, Precision

if TYPE_CHECKING:
    from archbuilder.training import Machine


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(search)


def _refuse_resume(requested: bool) -> None:
    """Refuse the option --resume, which people try: a search resumes by itself."""
    if requested:
        message = "a search needs no --resume: archbuilder search STUDY resumes it; give the same file"
        raise typer.BadParameter(message)


def search(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            autocompletion=complete_study,
            help="A study file, or a shipped study by name, such as digits_widths.",
        ),
    ],
    trials: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of trials; the study's own if left out.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=256, metavar="N", help="Train N candidates in parallel, each in its own process.")
    ] = 1,
    hours: Annotated[
        float | None,
        typer.Option(min=0, max=100_000, metavar="H", help="Start no new trial after H hours."),
    ] = None,
    gpus: Annotated[
        str | None,
        typer.Option(metavar="N,N", help="Numbers of the GPUs, such as 0,1; each trains one candidate at a time."),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="Train on a cluster instead: dask://HOST:PORT, slurm:workers=16,time=8:00:00, or mpi.",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Keep the study in a database, such as postgresql+psycopg://user@host/name."),
    ] = None,
    versus: Annotated[
        str | None, typer.Option(metavar="random", help="Also run random search at equal training cost.")
    ] = None,
    runs: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of all studies; each has a subfolder of its name.")
    ] = RUNS,
    device: Device = "auto",
    precision: Precisions = Precision.AUTO,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only the final table.")] = False,
    resume: Annotated[bool, typer.Option("--resume", hidden=True, is_eager=True, callback=_refuse_resume)] = False,
) -> None:
    """Search the space of a study within its budget; the same command resumes an interrupted search.

    Exit status 130 on Ctrl-C; finished trials are saved.
    """
    from archbuilder.numbers import plural  # noqa: PLC0415
    from archbuilder.pages.study import write_page  # noqa: PLC0415
    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.report.search import search_view  # noqa: PLC0415
    from archbuilder.report.search_table import next_steps, result_table  # noqa: PLC0415
    from archbuilder.report.study_texts import saved_text  # noqa: PLC0415
    from archbuilder.searching import run_study  # noqa: PLC0415
    from archbuilder.study import load_study  # noqa: PLC0415

    if versus not in {None, "random"}:
        raise typer.BadParameter(f"found {versus}, expected random", param_hint="--versus")
    if executor is not None and (workers > 1 or gpus is not None):
        raise typer.BadParameter(
            "a cluster has its own workers; leave out --workers and --gpus", param_hint="--executor"
        )
    devices = _devices(gpus, workers, device)
    loaded = load_study(study)
    screen = console()
    view = search_view(screen, quiet=quiet)
    try:
        with _sigterm_as_interrupt(), view:
            result = run_study(
                loaded,
                runs=runs,
                trials=trials,
                observe=view,
                machines=_machines(devices, precision, from_gpus_option=gpus is not None),
                versus_random=versus is not None,
                executor=executor,
                storage=storage,
                hours=hours,
            )
    except KeyboardInterrupt:
        screen.print(f"stopping: {saved_text(view.progress.tally)}; run the same command to resume", highlight=False)
        raise typer.Exit(130) from None
    wanted = loaded.settings.search.trials if trials is None else trials
    if hours is not None and result.tally.counted < wanted:
        done = f"{result.tally.counted} of {plural(wanted, 'trial')}"
        again = "run the same command to resume"
        screen.print(f"stopped by --hours {hours:g} after {done}; {again}", highlight=False)
    page = write_page(result)
    screen.print(result_table(result), highlight=False)
    for line in [*next_steps(result), f"report: {page}"]:
        screen.print(line, markup=False, highlight=False, soft_wrap=True)


def _machines(devices: list[str], precision: Precision, *, from_gpus_option: bool) -> "list[Machine]":
    """Return the device and precision of each worker; with `from_gpus_option`, an error names `--gpus`."""
    from archbuilder.training import choose_machine  # noqa: PLC0415

    try:
        return [choose_machine(name, precision) for name in devices]
    except ArchbuilderError as error:
        if not from_gpus_option:
            raise
        raise ArchbuilderError(
            f"--gpus: {str(error).splitlines()[0]}\n  without --gpus the device is chosen automatically"
        ) from None


def _devices(gpus: str | None, workers: int, device: str) -> list[str]:
    """Return the device of each worker."""
    if gpus is None:
        return [device] * workers
    names = [name.strip() for name in gpus.split(",")]
    if not all(name.isdecimal() for name in names) or len(set(names)) < len(names):
        raise typer.BadParameter(f"found {gpus!r}, expected the numbers of GPUs, each once: 0,1", param_hint="--gpus")
    if device not in {"auto", "cuda"} or workers not in {1, len(names)}:
        message = "--gpus sets workers and devices; leave out --workers and --device"
        raise typer.BadParameter(message, param_hint="--gpus")
    return [f"cuda:{name}" for name in names]


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Handle SIGTERM as Ctrl-C while the body runs."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
