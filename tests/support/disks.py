"""A small disk of a test's own, which can be filled: a file system in memory."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

_PAGE = 4096
_FILLER = "filler"


@dataclass(frozen=True)
class SmallDisk:
    """A disk of a few megabytes.

    Attributes:
        path: Its folder.
    """

    path: Path

    def fill(self, left: int = 0) -> None:
        """Fill it, but for so many bytes."""
        with (self.path / _FILLER).open("ab", buffering=0) as filler:
            with suppress(OSError):
                while True:
                    filler.write(bytes(_PAGE))
            filler.truncate(max(0, filler.tell() - left))

    def free(self) -> None:
        """Free it again."""
        (self.path / _FILLER).unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Give an empty disk: mounted on a folder, or, without root, in a process's own namespace, seen through /proc.

    The test is skipped where neither is allowed, unless `ARCHBUILDER_TESTS_NEED_SMALL_DISK` is set.
    """
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    if _is_done(mount):
        try:
            yield SmallDisk(folder)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    if not _is_done([*inside, *mount]):
        assert not os.environ.get("ARCHBUILDER_TESTS_NEED_SMALL_DISK"), "no disk can be mounted"
        pytest.skip("no disk can be mounted")
    command = [*inside, "sh", "-c", f"{shlex.join(mount)} && echo mounted && exec cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield SmallDisk(Path(f"/proc/{process.pid}/root{folder}"))
        finally:
            process.kill()


def _is_done(command: list[str]) -> bool:
    """Run a command; return whether that succeeded."""
    return sys.platform == "linux" and subprocess.run(command, capture_output=True, check=False).returncode == 0
