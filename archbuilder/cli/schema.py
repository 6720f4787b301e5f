"""`archbuilder schema`: the spec language for editors."""

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(schema)


def schema(
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it to a file.")] = None,
) -> None:
    """Write the JSON Schema (draft 7) of specs, with which editors complete and check them.

    A spec names it in its first line: # yaml-language-server: $schema=archbuilder.schema.json
    """
    from archbuilder.spec.schema import json_schema  # noqa: PLC0415
    from archbuilder.spec.writing import write_text  # noqa: PLC0415

    text = json.dumps(json_schema(), indent=2) + "\n"
    if output is None:
        print(text, end="")
    else:
        write_text(output, text)
        print(f"written: {output}")
