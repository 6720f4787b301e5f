"""`archbuilder specs` and `archbuilder new`: list the shipped specs, and copy one."""

from pathlib import Path
from typing import Annotated

import typer

from archbuilder import ArchbuilderError, load
from archbuilder.errors import did_you_mean
from archbuilder.spec.sources import shipped_names


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(specs)
    app.command()(new)


def specs() -> None:
    """List the shipped specs with their input, parameters and MACs."""
    from archbuilder.report.layers import console  # noqa: PLC0415
    from archbuilder.report.specs import spec_table  # noqa: PLC0415

    console().print(spec_table([load(name) for name in shipped_names("specs")]), highlight=False)


def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, such as mine.yaml.")],
    template: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="NAME",
            help="The shipped spec to copy, which archbuilder specs lists; or a run, for its spec.",
        ),
    ] = "inception_small_32",
) -> None:
    """Create a spec as a copy of a shipped one, or of a run's, with its comments. No existing file is overwritten."""
    from archbuilder.spec.starting import renamed  # noqa: PLC0415
    from archbuilder.spec.writing import write_text  # noqa: PLC0415

    names = shipped_names("specs")
    if template not in names and not Path(template).exists():
        raise ArchbuilderError(
            f"no shipped spec is named {template!r}{did_you_mean(template, names)}\n  {', '.join(names)}"
        )
    if file.exists():
        raise ArchbuilderError(f"{file}: already exists; choose another name or remove it")
    document = load(template).document
    write_text(file, renamed(document.source.text if template in names else document.standalone_text, file.stem))
    print(f"written: {file}, a copy of {template}. Next: edit it, then archbuilder check {file}")
    print("for completion in editors, write the JSON Schema too: archbuilder schema -o archbuilder.schema.json")
