"""File locks: one process at a time works on a study or a run."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from archbuilder.errors import ArchbuilderError

_PATIENCE = 0.5  # seconds, as `is_held` holds the lock for an instant


@contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Hold a lock while the body runs. The operating system releases it when the process ends, in any way.

    Args:
        path: The lock file; it contains the process number of the holder, and is not deleted.
        what: What is locked, for the message.

    Raises:
        ArchbuilderError: Another process holds the lock.
    """
    with path.open("a+", encoding="utf-8") as file:
        until = time.monotonic() + _PATIENCE
        while not (locked := _lock(file)) and time.monotonic() < until:
            time.sleep(_PATIENCE / 20)
        if not locked:
            file.seek(0)
            owner = file.read(20).strip() or "unknown"
            raise ArchbuilderError(f"{what} is already running, in process {owner}; wait for it or stop it") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def is_held(path: Path) -> bool:
    """Return whether a process holds a lock; nothing is written."""
    try:
        with path.open("r", encoding="utf-8") as file:
            return not _lock(file, shared=True)
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str], *, shared: bool = False) -> bool:
        """Try to lock a file without waiting; return whether that succeeded."""
        # Far behind the text, as Windows would keep others from reading what is locked.
        file.seek(1 << 20)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: IO[str], *, shared: bool = False) -> bool:
        """Try to lock a file without waiting; return whether that succeeded."""
        try:
            fcntl.flock(file.fileno(), (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
