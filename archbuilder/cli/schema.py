"""`archbuilder schema`: the keys of spec and study files, for editors."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from archbuilder import load


class Kind(StrEnum):
    """Which files a schema is of."""

    SPEC = "spec"
    STUDY = "study"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(schema)


def schema(
    kind: Annotated[Kind, typer.Argument(metavar="[KIND]", help="Of which files: spec or study.")] = Kind.SPEC,
    own: Annotated[
        str | None,
        typer.Option("--for", metavar="SPEC", help="A spec whose own blocks are known too, and their keys checked."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it to a file.")] = None,
) -> None:
    """Write the JSON Schema (draft 7) of spec or study files, with which editors complete and check them.

    A file names it in its first line: # yaml-language-server: $schema=archbuilder.schema.json
    """
    from archbuilder.spec.writing import write_text  # noqa: PLC0415

    if kind is Kind.STUDY and own is not None:
        raise typer.BadParameter("--for names a spec: a study has no blocks of its own")
    if kind is Kind.STUDY:
        from archbuilder.study.schema import study_schema  # noqa: PLC0415

        values = study_schema()
    else:
        from archbuilder.spec.schema import json_schema  # noqa: PLC0415

        values = json_schema(None if own is None else load(own).document.blocks)
    text = json.dumps(values, indent=2) + "\n"
    if output is None:
        print(text, end="")
    else:
        write_text(output, text)
        print(f"written: {output}")
