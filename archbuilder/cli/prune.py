"""`archbuilder prune`: a trained network, narrower, onto a budget."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archbuilder.cli.arguments import Device, Precisions, Threads
from archbuilder.cli.budgets import Budgets, LatencyBatch, MultipleOf, read_bounds
from archbuilder.cli.completion import complete_run
from archbuilder.cli.settings_options import check_settings, takes_settings
from archbuilder.recipe import RUNS, Precision

if TYPE_CHECKING:
    from archbuilder.pruning import Pruned, Pruning
    from archbuilder.runs import RunResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Remove the channels of a trained network that matter least.")(takes_settings(prune))


def prune(
    trained: Annotated[
        str,
        typer.Argument(
            metavar="RUN|SPEC", autocompletion=complete_run, help="A run, or a spec with --weights of its training."
        ),
    ],
    *,
    budget: Budgets,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            metavar="FILE|RUN",
            autocompletion=complete_run,
            help="What the network has learned: .pth, .pt, .bin, .safetensors, or a run; by default RUN's best epoch.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="The spec to write, such as half.yaml, with half.safetensors beside it; by default NAME-pruned.yaml.",
        ),
    ] = None,
    importance: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What channels are ranked by: magnitude, batch_norm, taylor, or a plugin's; by default taylor with "
            "images (--data or --epochs), else magnitude.",
        ),
    ] = None,
    floor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAMES:]LEAST",
            help="The least that widths keep, such as 8, 10% or 'stem*:32'; repeatable, the last decides. Default 10%.",
        ),
    ] = None,
    multiple_of: MultipleOf = None,
    branches: Annotated[
        bool, typer.Option("--branches", help="Let whole branches go, where a width may be 0.")
    ] = False,
    depth: Annotated[
        bool, typer.Option("--depth", help="Let repetitions go, while the loss on training images is lower for it.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA", help="Images for taylor, --depth, batch statistics and --epochs; by default RUN's."
        ),
    ] = None,
    iterations: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="Prune in N steps, with a training after each.")
    ] = 1,
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="FOLDER", help="Folder of the training; runs/NAME of the output if left out."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of everything random.")] = 0,
    latency_batch: LatencyBatch = None,
    device: Device = "auto",
    precision: Precisions = Precision.AUTO,
    threads: Threads = None,
    settings: dict[str, Any],
) -> None:
    """Write a narrower network of a trained one, exactly onto a budget, with the weights of the channels that it keeps.

    With --epochs it is trained afterwards, in a run of its own; if that is interrupted, the same command goes on. A
    file of another network is never overwritten.

    Example: archbuilder prune runs/mine --budget macs:60% -o small.yaml --epochs 5
    """
    if settings and "epochs" not in settings:
        name = next(iter(settings)).replace("_", "-")
        raise typer.BadParameter("is for the training after pruning; add --epochs", param_hint=f"--{name}")
    if "epochs" not in settings and (iterations > 1 or run is not None):
        option = "--iterations" if iterations > 1 else "--run"
        raise typer.BadParameter("is for the training after pruning; add --epochs", param_hint=option)
    chosen, bounds, floors = check_settings(settings), read_bounds(budget), _read_floors(floor or [])
    if latency_batch and "latency" not in bounds:
        raise typer.BadParameter("is for a bounded latency; add --budget latency:50%", param_hint="--latency-batch")
    import torch  # noqa: PLC0415

    from archbuilder.pruning import FLOOR, Pruning  # noqa: PLC0415
    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.report.pruned import pruned_heading, pruned_notes, pruned_tables  # noqa: PLC0415
    from archbuilder.training import choose_machine  # noqa: PLC0415

    if threads is not None:
        torch.set_num_threads(threads)
    pruning = Pruning.of(
        trained,
        bounds,
        weights=weights,
        data=data,
        importance=importance,
        multiple_of=multiple_of,
        floor=floors or FLOOR,
        latency={"batch_size": latency_batch} if latency_batch else None,
        seed=seed,
        machine=choose_machine(device, precision),
        branches=branches,
        depth=depth,
        needs_images="epochs" in settings,
    )
    file = output or Path(f"{pruning.spec.name}-pruned.yaml")
    result = None
    if "epochs" in settings:
        pruned, result = _trained(pruning, file, run or RUNS / file.stem, chosen, iterations)
    else:
        pruned = pruning.onto(pruning.wanted.limits, pruning.spec, pruning.weights)
        pruned.check_unused(file)
        pruned.save(file)
    screen = console()
    print(f"{file}  {pruned_heading(pruned)}")
    screen.print(pruned_tables(pruned), highlight=False)
    for note in pruned_notes(pruned):
        print(f"note: {note}")
    _say_next(pruned, file, result)


def _trained(
    pruning: "Pruning", file: Path, folder: Path, settings: Any, iterations: int
) -> "tuple[Pruned, RunResult]":
    from archbuilder.pruning import prune_and_train  # noqa: PLC0415
    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.report.training import train_view  # noqa: PLC0415

    with train_view(console()) as view:
        return prune_and_train(pruning, file, folder, settings, iterations=iterations, observe=view)


def _say_next(pruned: "Pruned", file: Path, result: "RunResult | None") -> None:
    weights = file.with_suffix(".safetensors")
    if result is None:
        print(f"next: archbuilder train {quote(str(file))} --weights {quote(str(weights))} --data DATA")
        return
    if result.interrupted:
        print(f"stopped: saved in {result.folder.path}; the same command goes on")
        raise typer.Exit(130)
    best, folder = result.best, quote(str(result.folder.path))
    print(f"best epoch {best.epoch}: validation accuracy {100 * best.validation_accuracy:.2f} %, saved in {folder}")
    print(f"next: archbuilder evaluate {folder}   (on the test split, not used so far)")


def _read_floors(entries: list[str]) -> dict[str, str | int]:
    """Read floors such as `8`, `10%` or `stem*:32`."""
    floors: dict[str, str | int] = {}
    for entry in entries:
        pattern, colon, least = entry.rpartition(":")
        if not least.strip() or (colon and not pattern.strip()):
            raise typer.BadParameter(f"found {entry!r}, expected 8, 10% or NAMES:8", param_hint="--floor")
        floors[pattern.strip() or "*"] = least.strip()
    return floors
