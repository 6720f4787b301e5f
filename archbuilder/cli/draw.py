"""`archbuilder draw`: a picture of a network."""

from pathlib import Path
from typing import Annotated

import typer

from archbuilder import load
from archbuilder.cli.completion import complete_spec
from archbuilder.drawing.color import ColorBy


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Draw a network as SVG, PNG or PDF.")(draw)


def draw(
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC",
            autocompletion=complete_spec,
            help="A spec file, or a shipped spec by name; with --diff, two of them.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Where to write: .svg, or .png or .pdf (archbuilder[draw])."
        ),
    ],
    color: Annotated[ColorBy, typer.Option(help="What boxes are colored by.")] = ColorBy.MACS,
    depth: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Levels of names to draw; if left out, as many as can be read."),
    ] = None,
    expand: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Open a layer, block or repetition; wildcards allowed; repeatable."),
    ] = None,
    diff: Annotated[
        bool,
        typer.Option("--diff", help="Draw the second spec, with what it adds to, changes in and lacks of the first."),
    ] = False,
) -> None:
    """Draw a network: branches side by side, joins, heads, repetitions folded, boxes colored by their costs."""
    if len(specs) != 1 + diff:
        expected = "two specs: --diff A B" if diff else "one spec; to compare two, add --diff"
        raise typer.BadParameter(f"found {len(specs)} specs, expected {expected}", param_hint="SPEC")
    loaded = [load(spec) for spec in specs]
    spec = loaded[-1]
    from archbuilder.drawing.drawing import drawing  # noqa: PLC0415
    from archbuilder.drawing.raster import check_format, save_drawing  # noqa: PLC0415
    from archbuilder.numbers import plural  # noqa: PLC0415

    check_format(output)
    picture = drawing(spec, color=color, depth=depth, expand=expand or (), before=loaded[0] if diff else None)
    save_drawing(output, picture.svg)
    word = "MACs" if color is ColorBy.MACS else "parameters"
    layers, boxes = plural(len(spec.plan().layers), "layer"), plural(picture.boxes, "box", "boxes")
    print(f"{output}  {layers} in {boxes}, colored by {word}")
