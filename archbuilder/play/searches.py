"""Searches that the playground starts, each a process of its own: the command `archbuilder search`, in its folder."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from archbuilder.errors import ArchbuilderError
from archbuilder.play.folder import Folder, own_place
from archbuilder.play.limits import MOST_SEARCHES
from archbuilder.recipe import RUNS

_SHOWN = 4_000  # characters of a search's last words
_NICE = "10"  # the page goes before


class Searches:
    """Starts and stops searches; one that was started goes on when the playground ends.

    Attributes:
        asked: How many trials each study was started for here.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.asked: dict[str, int] = {}

    def place(self, name: str) -> Path:
        """Return the folder of a study by its name.

        Raises:
            ArchbuilderError: It lies outside the playground's folder.
        """
        return self._folder.place(f"{RUNS}/{name}")

    def is_kept(self, name: str) -> bool:
        """Return whether a study of a name is kept in the folder, or was started here."""
        try:
            place = self.place(name)
        except ArchbuilderError:
            return False
        return name in self._processes or any((place / file).is_file() for file in ("journal.log", "storage.txt"))

    def start(self, name: str, study: str, trials: int) -> None:
        """Start or resume a search.

        Args:
            name: The study's name.
            study: Its file in the folder, or the name of a shipped study.
            trials: How many trials it shall have.

        Raises:
            ArchbuilderError: It runs already, or no process can be started.
        """
        if self.is_running(name):
            raise ArchbuilderError(f"{name} is running already")
        if sum(map(self.is_running, self._processes)) >= MOST_SEARCHES:
            raise ArchbuilderError(f"{MOST_SEARCHES} searches are running; stop one of them first")
        self.place(name)
        options = ["--trials", str(trials), "--runs", str(RUNS)]
        command = [sys.executable, "-m", "archbuilder", "search", *options, "--", study]  # a name may begin with -
        if shutil.which("nice"):
            command = ["nice", "-n", _NICE, *command]
        log = self._log(name)
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as output:
                self._processes[name] = subprocess.Popen(
                    command,
                    cwd=self._folder.root,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C of the playground does not reach it
                )
            self.asked[name] = trials
        except OSError as error:
            raise ArchbuilderError(f"the search cannot be started: {error.strerror}") from None

    def is_running(self, name: str) -> bool:
        """Return whether this playground has started a search that has not ended."""
        process = self._processes.get(name)
        return process is not None and process.poll() is None

    def stop(self, name: str, coordinator: int) -> None:
        """Stop a search as Ctrl-C does: what is finished is saved.

        Args:
            name: The study's name.
            coordinator: The process that coordinates it, which an earlier playground may have started; 0 if unknown.
        """
        process = self._processes.get(name)
        with suppress(ProcessLookupError, PermissionError):
            if coordinator and _is_ours(coordinator):
                os.kill(coordinator, signal.SIGTERM)
            elif process is not None and process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)

    def last_words(self, name: str) -> str:
        """Return the end of what a search has said."""
        try:
            with self._log(name).open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _SHOWN))
                return log.read().decode(errors="replace").strip()
        except (OSError, ArchbuilderError):
            return ""

    def failure(self, name: str) -> str:
        """Return why a search that was started here has ended with an error; empty if it has not."""
        process = self._processes.get(name)
        status = None if process is None else process.poll()
        if status in (None, 0, 130, -signal.SIGTERM):
            return ""
        how = f"signal {-status}, as when memory is full" if status < 0 else f"status {status}"
        return self.last_words(name) or f"the search of {name} has ended with {how}; continue it"

    def _log(self, name: str) -> Path:
        return own_place(self._folder.root, f"search-{name.replace('/', '-')}.log")


def _is_ours(pid: int) -> bool:
    """Return whether a process is one of archbuilder, as far as the system says: files may name any process."""
    try:
        return b"archbuilder" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()
