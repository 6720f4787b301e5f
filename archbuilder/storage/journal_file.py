"""The journal file of a study: Optuna's, with damage and a full disk told by their place."""

import json
import os
import re
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from archbuilder.errors import ArchbuilderError, system_advice

JOURNAL = "journal.log"
"""The name of the journal file in the folder of a study."""
_UNFINISHED = re.compile(r"\..+\.(yaml|csv|html|safetensors|jsonl|txt)\.[a-z0-9_]{8}")  # by `write_whole`, when killed


class StorageError(ArchbuilderError):
    """The storage cannot be read or written, or this process no longer coordinates the study."""


class JournalWriteError(StorageError):
    """The disk is full, or the operating system refuses for another reason to write the journal."""


class JournalFile(JournalFileBackend):
    """Optuna's journal file; a line that could not be written whole is taken back.

    Without that, the next line would run into the part of one that a full disk has left, and damage the journal.
    """

    def __init__(self, path: Path) -> None:
        """Use a file; it is created if need be."""
        # Not the symbolic link that is Optuna's default: it needs a privilege on Windows.
        super().__init__(str(path), lock_obj=JournalFileOpenLock(str(path)))
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines.

        Raises:
            JournalWriteError: The disk is full, or another error of the operating system.
        """
        whole = self._path.stat().st_size
        try:
            super().append_logs(logs)
        except OSError as error:
            if self._path.stat().st_size > whole:
                os.truncate(self._path, whole)
            raise JournalWriteError(
                f"{self._path}: cannot be written: {error.strerror or error}{system_advice(error)}"
            ) from None


def open_journal_file(folder: Path, *, must_exist: bool = False) -> JournalStorage:
    """Open the journal file of a study's folder. Nothing is mended: another process may be writing it.

    Raises:
        ArchbuilderError: A line is damaged, or there is no file and one must exist.
    """
    path = folder / JOURNAL
    if path.is_file():
        _check_lines(path)
    elif must_exist:
        raise ArchbuilderError(f"{folder}: no study here; archbuilder search creates the folder of a study")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFile(path))
    except OSError as error:
        raise ArchbuilderError(f"{path}: {error.strerror or error}{system_advice(error)}") from None
    except (ValueError, KeyError, TypeError, AssertionError) as error:  # Optuna's, for lines that are not its own
        raise ArchbuilderError(_damaged(path, error)) from None


def mend(folder: Path) -> None:
    """Remove what a killed process left in the folder of a study. Only the process that holds its lock may do this.

    Optuna would wait half a minute for the lock of a process that is gone, and a line without its end would run
    into the next one and make the whole journal unreadable.
    """
    path = folder / JOURNAL
    hidden = (file for files in (folder.glob(".*"), folder.glob("finals/**/.*")) for file in files)
    unfinished = [file for file in hidden if _UNFINISHED.fullmatch(file.name)]
    for leftover in [*folder.glob(f"{JOURNAL}.lock*"), *unfinished]:
        leftover.unlink()
    if path.exists():
        with path.open("rb+") as journal:
            data = journal.read()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                journal.truncate(whole)


def _check_lines(path: Path) -> None:
    """Refuse damaged lines, the last only if it is whole: another process may be writing it.

    Optuna would pass over a damaged line at the end, and fail as soon as one follows it.
    """
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            found = json.loads(line)
        except ValueError:
            raise ArchbuilderError(_damaged(path, f"line {number} is not JSON")) from None
        if not isinstance(found, dict) or not isinstance(found.get("op_code"), int):
            raise ArchbuilderError(_damaged(path, f"line {number} is not an entry of a journal"))


def _damaged(path: Path, reason: object) -> str:
    what_to_do = f"restore a copy of it, or delete {path.parent} to start over"
    return f"{path}: is damaged and cannot be read: {reason}\n  {what_to_do}"
