"""Real processes of the command line, on one thread, and data that they can all read."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from runs.tiny_runs import SPEC, few

COMMAND = (sys.executable, "-m", "archbuilder")


def write_inputs(folder: Path, spec: str = SPEC) -> tuple[Path, str]:
    """Write a spec and some of the digits; give the spec's path and the data's address."""
    data = few(None).train  # type: ignore[arg-type]
    images = data.images.numpy()  # type: ignore[attr-defined]
    np.savez(folder / "data.npz", images=images, labels=data.labels.numpy())
    (folder / "tiny.yaml").write_text(spec)
    return folder / "tiny.yaml", f"npz:{folder / 'data.npz'}"


def run(*arguments: object, preexec: Callable[[], None] | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=preexec, **more)
