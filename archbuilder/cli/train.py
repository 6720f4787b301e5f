"""`archbuilder train`: train a network on images, or resume a run."""

from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from archbuilder import load
from archbuilder.cli.arguments import Compiled, Device, Download, Precisions, SkipBroken, Threads, Workers
from archbuilder.cli.completion import complete_run, complete_spec
from archbuilder.cli.settings_options import check_settings, takes_settings
from archbuilder.recipe import Precision


class SplitBy(StrEnum):
    """How images are assigned to splits."""

    SEED = "seed"
    HASH = "hash"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Train a network on images.")(takes_settings(train))


def train(
    spec: Annotated[
        str | None,
        typer.Argument(
            metavar="[SPEC]",
            autocompletion=complete_spec,
            help="A spec file, a shipped spec by name, or a run, for its spec; not with --resume.",
        ),
    ] = None,
    *,
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="digits, idx:PATH, cifar10:PATH, cifar100:PATH, folder:PATH, npz:PATH, …"),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            metavar="FOLDER",
            help="Folder of the run; runs/<name of the spec> if left out, with a number if that exists.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="FOLDER", autocompletion=complete_run, help="Resume the run in this folder."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            metavar="FILE|RUN",
            autocompletion=complete_run,
            help="Start from these weights: .pth, .pt, .bin, .safetensors, or a run's folder.",
        ),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Take what fits of the weights, where not all does.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of everything random in the training.")] = 0,
    split_seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the split.")] = 0,
    split_by: Annotated[
        SplitBy,
        typer.Option(help="seed: stratified by class; hash: an image stays in its split when others are added."),
    ] = SplitBy.SEED,
    skip_broken: SkipBroken = False,
    device: Device = "auto",
    precision: Precisions = Precision.AUTO,
    compiled: Compiled = False,
    workers: Workers = None,
    threads: Threads = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write metrics for TensorBoard.")] = False,
    download: Download = False,
    settings: dict[str, Any],
) -> None:
    """Train a network on a data set; save its best epoch, its metrics and a checkpoint to resume from.

    Ctrl-C stops after the current step; --resume continues from there. Exit status 130 on Ctrl-C. Several processes:
    torchrun --nproc-per-node 2 --no-python -- archbuilder train SPEC --data DATA
    """
    others = {
        "--run": run,
        "--weights": weights,
        "--partial": partial,
        "--seed": seed,
        "--split-seed": split_seed,
        "--download": download,
    }
    others |= {"--split-by": split_by is not SplitBy.SEED, "--skip-broken": skip_broken}
    moved = settings.get("teacher", {}).get("run")  # the place of the teacher may change
    is_moved = resume is not None and settings.get("teacher") == {"run": moved}
    fixed = [
        name for name in settings if name != "epochs" and not (name == "teacher" and is_moved)
    ]  # once it has begun
    given = [f"--{name.replace('_', '-')}" for name in fixed] + [name for name, value in others.items() if value]
    _check_usage(spec, data, resume, given)
    chosen = check_settings(settings)
    import torch  # noqa: PLC0415

    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.report.training import train_view  # noqa: PLC0415
    from archbuilder.report.training_end import run_summary  # noqa: PLC0415
    from archbuilder.runs import Event, TensorBoard, resume_run, train_spec  # noqa: PLC0415
    from archbuilder.training import choose_machine, launched  # noqa: PLC0415

    if threads is not None:
        torch.set_num_threads(threads)
    machine = choose_machine(device, precision, compiled=compiled, workers=workers)
    screen = console()
    screen.quiet = not launched().is_first  # it speaks for all
    board = TensorBoard() if tensorboard else None
    view = train_view(screen)

    def observe(event: Event) -> None:
        view(event)
        if board is not None:
            board(event)

    with view, board or nullcontext():
        if resume is not None:
            result = resume_run(
                *(resume,),
                data=data,
                epochs=settings.get("epochs"),
                teacher=moved,
                machine=machine,
                observe=observe,
            )
        else:
            assert spec is not None
            assert data is not None
            loaded = load(spec)
            result = train_spec(
                loaded,
                data,
                run,
                settings=chosen,
                seed=seed,
                split_seed=split_seed,
                split_by=split_by.value,
                weights=weights,
                partial=partial,
                machine=machine,
                observe=observe,
                download=download,
                skip_broken=skip_broken,
            )
    if not screen.quiet:
        screen.print(run_summary(result), highlight=False, soft_wrap=True)
    if result.interrupted:
        raise typer.Exit(130)


def _check_usage(spec: str | None, data: str | None, resume: Path | None, given: list[str]) -> None:
    """Raise an error if options are missing, or cannot be combined with `--resume`."""
    if resume is not None and (spec is not None or given):
        what = ", ".join([*(["a spec"] if spec is not None else []), *given])
        raise typer.BadParameter(
            f"found {what}, but --resume continues a run with its own settings; it takes --data and --teacher (the new "
            "places of the images and of the teacher), --epochs (the total number), --device, --precision, --compile, "
            "--workers, --threads and --tensorboard; start another with --run FOLDER"
        )
    if resume is None and (spec is None or data is None):
        raise typer.BadParameter("a spec and --data are needed, or --resume with the folder of a run")
