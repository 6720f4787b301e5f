"""archbuilder: networks as YAML files, checked, built, counted and searched."""

from pathlib import Path

from archbuilder.errors import ArchbuilderError, Problem, SpecError
from archbuilder.network_spec import NetworkSpec

__version__ = "0.1.0"


def load(name_or_path: str | Path) -> NetworkSpec:
    """Read and check a spec: a path, or the name of a shipped one such as `googlenet`.

    Raises:
        SpecError: The spec is wrong; with every problem found and where.
        ArchbuilderError: The file is missing or is not text.
    """
    return NetworkSpec.load(name_or_path)


__all__ = ["ArchbuilderError", "NetworkSpec", "Problem", "SpecError", "__version__", "load"]
