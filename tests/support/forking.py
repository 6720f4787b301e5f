"""The command line in processes of their own, forked from one that has imported everything: torch is loaded once."""

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from support.patience import PATIENCE

# torch._dynamo is what the first step of a training imports.
EVERYTHING = ("torch._dynamo", "archbuilder.runs", "archbuilder.cli.app", "archbuilder.report.training")
COMMANDS = ("archbuilder.cli.app",)
"""What is needed where no torch is."""
_MOTHER = """
import importlib, json, os, resource, signal, sys, traceback
for name in sys.argv[1:]:
    importlib.import_module(name)
from archbuilder.cli import main

for line in sys.stdin:
    arguments, output, errors, folder, environment, memory = json.loads(line)
    pid = os.fork()
    if not pid:
        status = 1
        try:
            signal.alarm(SECONDS)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
            os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
            os.chdir(folder)
            if memory is not None:
                resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            os.environ.update(environment)
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

    def start(
        self,
        *arguments: object,
        output: Path,
        errors: Path | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        memory: int | None = None,
    ) -> Forked:
        """Start a command.

        Args:
            arguments: Of `archbuilder`.
            output: Where its output goes.
            errors: Where its errors go; the same file by default.
            folder: Where it runs; here by default.
            environment: Changes to the environment.
            memory: The most bytes of address space that it may have.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        output.unlink(missing_ok=True)
        places = [str(place) for place in (output, errors or output, folder or Path.cwd())]
        asked = [[*map(str, arguments)], *places, dict(environment or {}), memory]
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Forked(self._process, int(self._process.stdout.readline()))


def run(
    *arguments: object,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    memory: int | None = None,
    imported: tuple[str, ...] = EVERYTHING,
    together: bool = False,
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder, as `subprocess.run` does, in a process that has some modules imported.

    Args:
        arguments: Of `archbuilder`.
        folder: Where it runs.
        environment: Changes to the environment.
        memory: The most bytes of address space that it may have.
        imported: The modules that are imported already.
        together: Whether errors stand within the output, in the order in which both were written.
    """
    with TemporaryDirectory() as place:
        output, errors = Path(place) / "output", Path(place) / "errors"
        errors.touch()
        places = {"output": output, "errors": output if together else errors, "folder": folder}
        status = _shared(imported).start(*arguments, **places, environment=environment, memory=memory).wait()
        return subprocess.CompletedProcess([*map(str, arguments)], status, output.read_text(), errors.read_text())


@cache
def _shared(imported: tuple[str, ...]) -> Mother:
    """Return the mother of this process; it is killed at exit."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(mother(imported))


@contextmanager
def mother(imported: tuple[str, ...] = EVERYTHING) -> Iterator[Mother]:
    """Give what starts commands, some modules being imported; whatever runs at the end is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", _MOTHER.replace("SECONDS", f"{PATIENCE:.0f}"), *imported],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Mother(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
