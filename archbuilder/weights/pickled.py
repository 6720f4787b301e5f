"""Read what torch.save wrote, without running code that is in it."""

import argparse
import builtins
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from archbuilder.errors import ArchbuilderError

_CODE = re.compile(r"GLOBAL ([\w.]+)")  # in torch's errors
_ZIP = b"PK\x03\x04"  # what an archive begins with; zipfile looks at its end, which may be damaged
_MODULES = ("torch.nn.", "torchvision.models.", "timm.models.")
_SAVE = "torch.save(model.state_dict(), 'weights.pth')"
_MOST_NAMED = 5


def read_pickled(path: Path) -> Any:
    """Return the content of a file of torch.save: mappings, lists and tensors, whose values are read when used.

    Beside what torch allows, `argparse.Namespace` is read, in which timm's and many other trainings keep their options.

    Raises:
        ArchbuilderError: The file is damaged, is of another kind, or holds code, a whole module or other objects.
    """
    with path.open("rb") as file:
        is_zip = file.read(len(_ZIP)) == _ZIP
    if is_zip:
        _check_archive(path)
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except pickle.UnpicklingError as error:
        names = _objects(path, str(error), is_zip)
        if not names:
            raise ArchbuilderError(f"{path}: is not a file of weights, or damaged") from None
        raise ArchbuilderError(_refusal(path, names)) from None
    except Exception as error:  # damaged bytes may raise anything in torch's unpickler
        if isinstance(error, MemoryError):
            raise
        first = (str(error).splitlines() or [""])[0].partition(". This ")[0].rstrip(". ")
        reason = first or type(error).__name__
        raise ArchbuilderError(f"{path}: is not a whole file of weights: {reason}") from None


def _check_archive(path: Path) -> None:
    """Check that an archive is one of torch.save, whose entries take no more memory than the file has bytes.

    Raises:
        ArchbuilderError: It is not.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ArchbuilderError(f"{path}: is not a whole file of weights: {error}") from None
    names = {entry.filename.partition("/")[2] for entry in entries}
    if "constants.pkl" in names:
        save = f"torch.save(torch.jit.load({str(path)!r}).state_dict(), 'weights.pth')"
        raise ArchbuilderError(f"{path}: is a TorchScript archive, not weights alone; save these: {save}")
    if "data.pkl" not in names:
        raise ArchbuilderError(f"{path}: is a zip archive, but not one of torch.save")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ArchbuilderError(f"{path}: is a compressed archive, which torch.save does not write")


def _objects(path: Path, message: str, is_zip: bool) -> list[str]:
    """Return the names of the functions and classes in a file, read without running any."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path) if is_zip else []
    except Exception:  # damaged bytes may raise anything
        names = []
    found = {*names, *_CODE.findall(message)}
    return sorted(name for name in found if "." in name.strip(".") or hasattr(builtins, name))


def _refusal(path: Path, names: list[str]) -> str:
    """Format that a file holds a whole module or other objects, and how to save the weights alone."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    listed = ", ".join(names[:_MOST_NAMED]) + more
    if any(name.startswith(_MODULES) for name in names):
        what = f"is a whole module ({listed}), which only its own code can read; where that is, save its weights"
        return f"{path}: {what}: {_SAVE}"
    what = f"holds more than weights: {listed} would run; nothing was read"
    return f"{path}: {what}\n  if you trust the file, save its weights alone where it was made: {_SAVE}"
