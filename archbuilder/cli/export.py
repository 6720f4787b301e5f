"""`archbuilder export`: write a network for use elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from archbuilder.cli.completion import complete_spec


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Write a network as Python source, ONNX, pt2, TorchScript or weights.")(export)


def export(
    network: Annotated[
        str,
        typer.Argument(
            metavar="SPEC|RUN",
            autocompletion=complete_spec,
            help="A spec file or a shipped spec by name; or the folder of a run, or a checkpoint in it.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The file to write.")],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="python, onnx, pt2, torchscript or safetensors; by default that of the file's suffix.",
        ),
    ] = None,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Include the normalization of the run: the input is plain images.")
    ] = False,
    softmax: Annotated[bool, typer.Option("--softmax", help="Include a softmax: the output is probabilities.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of the initial weights of a spec.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
) -> None:
    """Write a network for use elsewhere; outputs are compared with the module's before the file is kept.

    python is one file with torch modules that needs torch alone. onnx, pt2 and torchscript are programs of the
    network in evaluation, without heads, for batches of any size. The files of a run say its classes, normalization and
    input size; a README beside them has code that runs.
    """
    from archbuilder.exporting import export as write  # noqa: PLC0415
    from archbuilder.report.exported import exported_lines  # noqa: PLC0415

    done = write(network, output, to, normalize=normalize, softmax=softmax, force=force, seed=seed)
    for line in exported_lines(done):
        print(line)
