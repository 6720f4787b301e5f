"""`archbuilder import`: a torch module that somebody wrote becomes a spec."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archbuilder import ArchbuilderError

if TYPE_CHECKING:
    from archbuilder.importing import Comparison, Imported


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="import", short_help="Turn a torch module into a spec.")(import_)


def import_(
    factory: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FACTORY",
            help="What makes the torch module, without arguments: torchvision.models:resnet50, or net.py:make.",
        ),
    ],
    size: Annotated[
        str, typer.Option("--input", metavar="CxHxW", help="Channels, height and width of the images: 3x224x224.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The spec to write, such as mine.yaml.")
    ],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Write the spec even if it is not equal to the module; it then says so.")
    ] = False,
) -> None:
    """Run MODULE:FACTORY, follow the module that it gives, write its spec, and compare the two.

    This runs the code that you name. The spec has the state-dict keys of the module, in order, its counts and its
    outputs. An existing file is never overwritten.
    """
    shape = _shape(size)
    if output.exists():
        raise ArchbuilderError(f"{output}: already exists; choose another name or remove it")
    from archbuilder.importing import import_module, made_module  # noqa: PLC0415
    from archbuilder.spec.writing import write_text  # noqa: PLC0415

    imported = import_module(made_module(factory), shape, name=output.stem, origin=factory)
    differences = imported.comparison.differences
    if differences and not anyway:
        listed = "\n".join(f"  {each}" for each in differences)
        advice = "--anyway writes it all the same; it then says so"
        raise ArchbuilderError(f"{output}: not written: the spec is not equal to {factory}:\n{listed}\n  {advice}")
    text = imported.spec.text
    if differences:
        text = "".join(f"# Not equal to the module: {each}\n" for each in differences) + text
    write_text(output, text)
    print(f"{output}: {_summary(imported)}")
    print(_equality(imported.comparison))
    for note in imported.notes:
        print(f"note: {note}")
    print(f"next: archbuilder check {output}")


def _shape(text: str) -> tuple[int, int, int]:
    """Read the size of the images.

    Raises:
        ArchbuilderError: It is not of the form CxHxW.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", text.strip())
    if not found:
        raise ArchbuilderError(f"--input: found {text!r}, expected channels x height x width, such as 3x224x224")
    return int(found[1]), int(found[2]), int(found[3])


def _summary(imported: "Imported") -> str:
    """Describe the file: `20 layers in 53 lines, blocks 9 x inception_block, 61 searchable widths`."""
    spec = imported.spec
    lines = len(spec.text.splitlines())
    blocks = [f"{count} x {name}" for name, count in imported.blocks.items()]
    folded = f", blocks {', '.join(blocks)}" if blocks else ""
    widths = len(spec.widths)
    searchable = f"{widths} searchable width{'' if widths == 1 else 's'}"
    return f"{len(spec.plan().layers)} layers in {lines} lines{folded}, {searchable}"


def _equality(comparison: "Comparison") -> str:
    """Describe how the spec compares with the module."""
    if comparison.differences:
        return "NOT equal: " + "; ".join(comparison.differences)
    counted = f"{comparison.planned_macs:,} MACs"
    if comparison.macs is None:
        counted += f" (fvcore cannot count the module: {comparison.uncounted})"
    elif comparison.macs != comparison.planned_macs:
        counted += f" (fvcore counts {comparison.macs:,} in the module)"
    exact = "exactly" if not comparison.error else f"to {comparison.error:.0e} of the largest"
    keys = f"{comparison.keys} state-dict keys in order"
    return f"equal: {keys} · {comparison.parameters:,} parameters · {counted} · outputs {exact}"
