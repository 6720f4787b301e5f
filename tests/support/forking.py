"""The command line in processes of their own, forked from one that has imported everything: torch is loaded once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MOTHER = """
import json, os, sys, traceback
import archbuilder.runs, archbuilder.cli.app, archbuilder.report.training
from archbuilder.cli import main

for line in sys.stdin:
    arguments, output = json.loads(line)
    pid = os.fork()
    if not pid:
        status = 1
        try:
            file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1)
            os.dup2(file, 2)
            sys.stdout = open(1, "w", buffering=1, closefd=False)
            sys.argv = ["archbuilder", *arguments]
            main()
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Forked:
    """A command that runs; its output goes to a file."""

    def __init__(self, mother: "subprocess.Popen[str]", pid: int) -> None:
        self._mother, self.pid = mother, pid

    @property
    def has_ended(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def wait(self) -> int:
        """Wait for its end; give its exit status, or minus the signal that killed it."""
        assert self._mother.stdout is not None
        return int(self._mother.stdout.readline())

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL


class Mother:
    """Starts commands, one at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def start(self, *arguments: object, output: Path) -> Forked:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        output.unlink(missing_ok=True)
        self._process.stdin.write(json.dumps([[*map(str, arguments)], str(output)]) + "\n")
        self._process.stdin.flush()
        return Forked(self._process, int(self._process.stdout.readline()))


@contextmanager
def mother() -> Iterator[Mother]:
    """Give what starts commands; whatever runs at the end is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", _MOTHER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Mother(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
