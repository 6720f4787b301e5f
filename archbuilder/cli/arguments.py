"""Arguments and options shared by several commands."""

from typing import Annotated

import typer

from archbuilder.cli.completion import complete_spec
from archbuilder.recipe import Precision

Spec = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        autocompletion=complete_spec,
        help="A spec file, a shipped spec by name, such as googlenet, or a run.",
    ),
]
Depth = Annotated[
    int | None,
    typer.Option(min=1, max=100, help="Levels of names to open; if left out, a sequence that is most of it."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps: auto is a GPU if there is one.")]
Precisions = Annotated[Precision, typer.Option(help="Compute precision: auto is mixed on a GPU, float32 on a CPU.")]
Compiled = Annotated[bool, typer.Option("--compile", help="Use torch.compile.")]
Workers = Annotated[
    int | None, typer.Option(min=0, max=1024, help="Processes that read images, if these do not fit into memory.")
]
Threads = Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; by default torch's choice.")]
SkipBroken = Annotated[bool, typer.Option("--skip-broken", help="Skip image files that cannot be read, and list them.")]
Download = Annotated[bool, typer.Option("--download", help="Let torchvision download the data set.")]
