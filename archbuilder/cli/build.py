"""`archbuilder build`: build a network and check it with a forward pass."""

import time
from pathlib import Path
from typing import Annotated

import typer

from archbuilder import load
from archbuilder.cli.arguments import Depth, Spec


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Build a network and show its layers.")(build)


def build(
    spec: Spec,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Save the initial weights as safetensors.")
    ] = None,
    depth: Depth = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of the initial weights.")] = 0,
) -> None:
    """Check a spec, build the network, run one forward pass and show the shape and cost of every layer."""
    loaded = load(spec)
    plan = loaded.plan()
    import torch  # noqa: PLC0415

    from archbuilder.crosscheck.shapes import check_shapes  # noqa: PLC0415
    from archbuilder.primitives import shape_text  # noqa: PLC0415
    from archbuilder.report.layers import console, heading, layer_table, totals  # noqa: PLC0415
    from archbuilder.runs.memory_advice import built_in_memory  # noqa: PLC0415

    torch.manual_seed(seed)
    with built_in_memory(plan):
        started = time.perf_counter()
        network = loaded.build().eval()
        seconds = time.perf_counter() - started
        output_shape = check_shapes(plan, network)
    screen = console()
    screen.print(heading(plan, loaded.document.source.name), soft_wrap=True)  # a path stays in one piece
    screen.print(layer_table(plan, depth), totals(plan), sep="\n")
    screen.print(f"built in {seconds * 1000:.0f} ms; forward pass checked: {shape_text(output_shape)}")
    if output is not None:
        from archbuilder.modules.saving import save_tensors  # noqa: PLC0415

        save_tensors(output, network.state_dict(), {"spec": loaded.document.standalone_text})
        screen.print(f"weights saved: {output}", markup=False, soft_wrap=True)
