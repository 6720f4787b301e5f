"""The file of a journal: Optuna's, with the errors of a disk and of damage told by their place."""

import json
import os
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from archbuilder.errors import ArchbuilderError, system_advice


class JournalWriteError(ArchbuilderError):
    """The disk is full, or something else of the operating system keeps the journal from being written."""


class JournalFile(JournalFileBackend):
    """Optuna's file of a journal; a line that could not be written whole is taken back.

    Without that, the next line would run into the part of one that a full disk has left, and damage the journal.
    """

    def __init__(self, path: Path) -> None:
        """Use a file, which need not exist yet."""
        # Not the symbolic link that is Optuna's default: it needs a privilege on Windows.
        super().__init__(str(path), lock_obj=JournalFileOpenLock(str(path)))
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines.

        Raises:
            JournalWriteError: The disk is full, or something else of the operating system.
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


def check_lines(path: Path) -> None:
    """Check that every line of a journal is one, the last only if it is whole: another process may be writing it.

    Optuna would pass over a damaged line at the end, and fail as soon as one follows it.

    Raises:
        ArchbuilderError: One is damaged; with its number.
    """
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            found = json.loads(line)
        except ValueError:
            raise ArchbuilderError(damaged(path, f"line {number} is not JSON")) from None
        if not isinstance(found, dict) or not isinstance(found.get("op_code"), int):
            raise ArchbuilderError(damaged(path, f"line {number} is not an entry of a journal"))


def damaged(path: Path, reason: object) -> str:
    """Say that a journal is damaged, and what to do."""
    what_to_do = f"restore a copy of it, or delete {path.parent} to start over"
    return f"{path}: is damaged and cannot be read: {reason}\n  {what_to_do}"
