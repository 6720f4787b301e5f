"""`archbuilder evaluate`: evaluate a checkpoint on images."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from archbuilder.cli.arguments import Compiled, Device, Download, Precisions, SkipBroken, Threads, Workers
from archbuilder.cli.completion import complete_run
from archbuilder.recipe import Precision


class Split(StrEnum):
    """The split to evaluate on."""

    TEST = "test"
    VALIDATION = "validation"
    TRAIN = "train"
    ALL = "all"
    UNSEEN = "unseen"


_NAMED = {"all": "all images", "unseen": "unseen images"} | {
    split: f"{split} split" for split in ("test", "validation", "train")
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Evaluate a trained network on test images.")(evaluate)


def evaluate(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT", autocompletion=complete_run, help="The folder of a run, or a checkpoint in it."
        ),
    ],
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="The data set; by default that of the training.")
    ] = None,
    split: Annotated[
        Split | None,
        typer.Option(help="By default test, or all images of a set without splits; unseen: not used in the training."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, max=65_536, help="Images per batch; by default as in the training.")
    ] = None,
    device: Device = "auto",
    precision: Precisions = Precision.AUTO,
    compiled: Compiled = False,
    workers: Workers = None,
    threads: Threads = None,
    download: Download = False,
    skip_broken: SkipBroken = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, for scripts.")] = False,
) -> None:
    """Evaluate a trained network: accuracy, loss, calibration and throughput.

    The split is that of the training. Use the test split once, at the end: a result that it selected is biased upward.
    """
    import torch  # noqa: PLC0415

    from archbuilder.report.evaluation import measured_as_data, measured_report  # noqa: PLC0415
    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.runs import evaluate_checkpoint  # noqa: PLC0415
    from archbuilder.training import choose_machine  # noqa: PLC0415

    if threads is not None:
        torch.set_num_threads(threads)
    machine = choose_machine(device, precision, compiled=compiled, workers=workers)
    chosen = None if split is None else split.value
    measured = evaluate_checkpoint(
        checkpoint,
        data,
        split=chosen,
        batch_size=batch_size,
        machine=machine,
        download=download,
        skip_broken=skip_broken,
    )
    if as_json:
        print(json.dumps(measured_as_data(measured), indent=2))
        return
    screen = console()
    screen.print(
        f"{checkpoint} on {measured.data}, {_NAMED[measured.split]}", markup=False, highlight=False, soft_wrap=True
    )
    screen.print(measured_report(measured), highlight=False)
