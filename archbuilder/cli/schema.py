"""`archbuilder schema`: write the JSON Schema of spec or study files."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from archbuilder import load


class Kind(StrEnum):
    """The kind of files that a schema describes."""

    SPEC = "spec"
    STUDY = "study"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(schema)


def schema(
    kind: Annotated[Kind, typer.Argument(metavar="[KIND]", help="The kind of files: spec or study.")] = Kind.SPEC,
    own: Annotated[
        str | None,
        typer.Option("--for", metavar="SPEC", help="A spec whose own blocks are included."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write.")] = None,
) -> None:
    """Write the JSON Schema (draft 7) of spec or study files, for completion and validation in editors.

    A file refers to it in its first line: # yaml-language-server: $schema=archbuilder.schema.json
    """
    from archbuilder.spec.writing import write_text  # noqa: PLC0415

    if kind is Kind.STUDY and own is not None:
        raise typer.BadParameter("--for is only for the schema of specs: a study has no blocks")
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
