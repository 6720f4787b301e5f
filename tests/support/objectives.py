"""Objectives of searches that other processes call."""

import os
from pathlib import Path

from archbuilder import NetworkSpec


def parameters(spec: NetworkSpec) -> float:
    """Score by the number of parameters; note the process that does."""
    if Path.cwd().name == "cluster":
        Path(f"pid-{os.getpid()}").touch()
    return -float(spec.plan().parameters)
