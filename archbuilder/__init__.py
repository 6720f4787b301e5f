"""archbuilder: networks as YAML files, checked, built, counted, trained and searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archbuilder.errors import ArchbuilderError, Problem, SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from archbuilder.network_spec import NetworkSpec
    from archbuilder.searching.library import search

__version__ = "0.1.0"


def load(name_or_path: str | Path) -> NetworkSpec:
    """Read and check a spec: a path, or the name of a shipped one such as `googlenet`.

    Raises:
        SpecError: The spec is wrong; with every problem found and where.
        ArchbuilderError: The file is missing or is not text.
    """
    from archbuilder.network_spec import NetworkSpec  # noqa: PLC0415 - a command line that only helps needs none of it

    return NetworkSpec.load(name_or_path)


def __getattr__(name: str) -> Any:
    if name == "NetworkSpec":
        from archbuilder.network_spec import NetworkSpec  # noqa: PLC0415

        return NetworkSpec
    if name == "search":
        from archbuilder.searching.library import search  # noqa: PLC0415 - torch and optuna are for those who search

        return search
    raise AttributeError(f"module 'archbuilder' has no attribute {name!r}")


__all__ = ["ArchbuilderError", "NetworkSpec", "Problem", "SpecError", "__version__", "load", "search"]
