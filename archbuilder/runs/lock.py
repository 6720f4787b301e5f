"""One process at a time works on a study or a run."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from archbuilder.errors import ArchbuilderError


@contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Hold a lock while the body runs. The operating system frees it when the process ends, however it ends.

    Args:
        path: The file that stands for the lock; it holds the number of the process that has it, and stays.
        what: What is locked, for the message.

    Raises:
        ArchbuilderError: Another process holds it.
    """
    with path.open("a+", encoding="utf-8") as file:
        try:
            _lock(file)
        except OSError:
            file.seek(0)
            owner = file.read(20).strip() or "unknown"
            raise ArchbuilderError(f"{what} is running already, in process {owner}; wait for it or stop it") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        # Far behind the text, as Windows would keep others from reading what is locked.
        file.seek(1 << 20)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
