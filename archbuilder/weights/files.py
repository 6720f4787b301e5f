"""Read the weights in a file: a run's, safetensors, or what torch.save wrote."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from archbuilder.errors import ArchbuilderError
from archbuilder.modules.saving import read_safetensors
from archbuilder.spec.checkpoints import checkpoint_in
from archbuilder.training.state import PREFIX
from archbuilder.weights.nesting import find_state_dict
from archbuilder.weights.pickled import read_pickled

_OTHERS = {
    b"\x89HDF": "an HDF5 file, as Keras writes",
    b"<": "an HTML page, not a file of weights: a download has failed",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself: git lfs pull",
}
"""What files of other kinds begin with."""


Normalization = tuple[tuple[float, ...], tuple[float, ...]]
"""The mean and the standard deviation of each channel."""


Cuts = Mapping[str, tuple[int, int]]
"""Widths before and after pruning, by name."""


@dataclass(frozen=True)
class Weights:
    """The tensors of a file.

    Attributes:
        file: The file's path.
        sha256: The SHA-256 of the file.
        tensors: By their keys in the file; read when they are first used.
        nested: Where in the file they are, such as `state_dict`; empty where they are all of it.
        normalization: The mean and standard deviation of each channel with which they were trained, if they are of a
            run.
        cuts: The widths before and after pruning, if they are of a pruned network.
    """

    file: str
    sha256: str
    tensors: Mapping[str, Tensor] = field(repr=False)
    nested: str = ""
    normalization: Normalization | None = None
    cuts: Cuts = field(default_factory=dict, repr=False)


def read_weights(path: str | Path) -> Weights:
    """Read weights: `.safetensors`, `.pth`, `.pt` or `.bin`, a checkpoint of a run, or the best epoch of its folder.

    Files of torch.save are read by `torch.load(weights_only=True)`: no code in them runs.

    Raises:
        ArchbuilderError: The file is missing or damaged, holds code or a whole module, or no weights.
    """
    path = Path(path)
    if path.is_dir():
        path = checkpoint_in(path)
    elif path.exists() and not path.is_file():
        raise ArchbuilderError(f"{path}: is not a regular file")
    try:
        with path.open("rb") as file:
            start = file.read(64)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ArchbuilderError(f"{path}: no such file; expected weights, or the folder of a run") from None
    except OSError as error:
        raise ArchbuilderError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not start:
        raise ArchbuilderError(f"{path}: is empty")
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            raise ArchbuilderError(f"{path}: is {what}")
    if path.suffix.lower() in {".yaml", ".yml"}:
        raise ArchbuilderError(f"{path}: is a spec, not weights")
    if start[8:9] == b"{" or (path.suffix.lower() == ".safetensors" and not start.startswith(b"PK")):
        tensors, header = read_safetensors(path)
        own = {key: tensor for key, tensor in tensors.items() if not key.startswith(PREFIX)} if header else tensors
        return Weights(str(path), sha256, own, normalization=_normalization(header), cuts=_cuts(header))
    found = find_state_dict(read_pickled(path), path)
    return Weights(str(path), sha256, found.tensors, found.nested)


def _normalization(header: Mapping[str, Any] | None) -> Normalization | None:
    """Return the normalization of the run that wrote a file, or from which it was exported."""
    setup = (header or {}).get("setup") or header or {}
    try:
        return tuple(map(float, setup["mean"])), tuple(map(float, setup["std"]))
    except (KeyError, TypeError, ValueError):
        return None


def _cuts(header: Mapping[str, Any] | None) -> Cuts:
    """Return the widths before and after pruning that a file has; none of a file of another program."""
    try:
        return {str(name): (int(before), int(after)) for name, (before, after) in (header or {})["cuts"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
