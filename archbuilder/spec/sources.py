"""The specs and studies that come with archbuilder, found by name wherever it is installed."""

from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["specs", "studies"]

_PACKAGE = Path(__file__).parent.parent


@cache
def shipped_folder(kind: Kind) -> Path:
    """The folder of the shipped files: inside the package where it is installed, beside it in a checkout."""
    installed = _PACKAGE / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind


def find_shipped(kind: Kind, name: str) -> Path | None:
    """Return the shipped file of a name without folder or ending, or None."""
    return shipped_folder(kind) / f"{name}.yaml" if name in shipped_names(kind) else None


def shipped_names(kind: Kind) -> list[str]:
    """The names of the shipped files."""
    return sorted(path.stem for path in shipped_folder(kind).glob("*.yaml"))
