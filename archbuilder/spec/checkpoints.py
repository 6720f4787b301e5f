"""Specs stored in the checkpoints of runs, read from their headers without torch."""

import json
from pathlib import Path
from typing import Any

from archbuilder.errors import ArchbuilderError, Source
from archbuilder.spec.header import LONGEST_NAME
from archbuilder.spec.nodes import MappingNode
from archbuilder.spec.reader import read_yaml

BEST, LAST = "best.safetensors", "last.safetensors"
"""The checkpoints of a run: the network at its best epoch, and everything needed to resume."""

METADATA = "archbuilder"
"""The entry of a safetensors file's metadata that holds what archbuilder says of it, as JSON."""

_SUFFIX = ".safetensors"
_WEIGHTS_ALONE = {".pth", ".pt", ".bin", ".ckpt", ".tar"}
_LARGEST_HEADER = 100_000_000  # bytes; that of safetensors itself
_MOST_NAMED = 10


def is_checkpoint(path: Path) -> bool:
    """Return whether a path is a folder, or a file of weights by its ending: what a spec is not written in."""
    return path.is_dir() or path.suffix.lower() in {_SUFFIX, *_WEIGHTS_ALONE}


def checkpoint_in(folder: Path) -> Path:
    """Return the checkpoint of a run's folder: the best epoch, or the last if that is all there is.

    Raises:
        ArchbuilderError: The folder is not a run; the message names the runs or the specs that are in it.
    """
    for name in (BEST, LAST):
        if (folder / name).is_file():
            return folder / name
    check_is_run(folder)
    if (folder / "journal.log").is_file():
        specs = _listed(sorted(folder.glob("*.yaml")))
        raise ArchbuilderError(f"{folder}: is the folder of a search" + (f"; its networks: {specs}" if specs else ""))
    raise ArchbuilderError(f"{folder}: is a folder, not a file, and no run: {BEST} is missing in it")


def check_is_run(folder: Path) -> None:
    """Check that a folder without a checkpoint has no runs in it, those of a search included.

    Raises:
        ArchbuilderError: It has; the message names them.
    """
    runs = sorted(best.parent for pattern in ("*", "finals/*/*") for best in folder.glob(f"{pattern}/{BEST}"))
    if runs:
        raise ArchbuilderError(f"{folder}: is not a run but has runs in it; name one of them: {_listed(runs)}")


def stored_spec(path: Path) -> Source:
    """Return the spec of a run's folder or of a checkpoint, with its name in the text; no torch is imported.

    Raises:
        ArchbuilderError: There is none: the file is missing, damaged, or holds weights alone.
    """
    file = checkpoint_in(path) if path.is_dir() else path
    if not file.is_file():
        raise ArchbuilderError(f"{file}: no such file")
    header = read_header(file) if file.suffix.lower() == _SUFFIX else None
    setup = {} if header is None else header.get("setup", header)
    text = setup.get("spec") if isinstance(setup, dict) else None
    if not isinstance(text, str):
        use = f"train_spec(SPEC, DATA, weights={str(file)!r})"
        raise ArchbuilderError(f"{file}: holds weights alone, no spec; name one: {use}")
    return _named(Source(str(path), text), str(setup.get("spec_name") or path.stem))


def read_header(path: Path) -> dict[str, Any] | None:
    """Return what archbuilder says in the header of a safetensors file; None if another program wrote it.

    Only the header is read, and only as far as the file goes.

    Raises:
        ArchbuilderError: The file cannot be read, or is not a safetensors file.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            text = file.read(length) if 2 <= length <= min(path.stat().st_size - 8, _LARGEST_HEADER) else b""
    except OSError as error:
        raise ArchbuilderError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        metadata = json.loads(text).get("__metadata__") or {}
        found = json.loads(metadata[METADATA]) if METADATA in metadata else None
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise ArchbuilderError(f"{path}: not a whole safetensors file: its header cannot be read") from None
    return found if isinstance(found, dict) else None


def _named(source: Source, name: str) -> Source:
    """Return a spec with a name in its text, which it had from its file where the text gives none."""
    root = read_yaml(source, [])
    if not isinstance(root, MappingNode) or "name" in root.entries:
        return source
    from archbuilder.spec.edit import set_name  # noqa: PLC0415 - checking a spec file writes nothing

    return set_name(source, Path(name.removeprefix("shipped ")).stem[:LONGEST_NAME])


def _listed(paths: list[Path]) -> str:
    """Format paths as a list: the first ten, then how many more there are."""
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return ", ".join(map(str, paths[:_MOST_NAMED])) + more
