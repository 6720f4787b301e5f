"""Arguments that several commands take."""

from typing import Annotated

import typer

Spec = Annotated[str, typer.Argument(metavar="SPEC", help="A spec file, or a shipped spec by name, such as googlenet.")]
