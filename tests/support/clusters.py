"""Dask clusters of real processes on this machine."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Cluster:
    """A scheduler and workers, each started again when it ends, as services of a cluster are."""

    def __init__(
        self, folder: Path, python_path: tuple[Path, ...] = (TESTS.parent, TESTS), host: str = "127.0.0.1"
    ) -> None:
        self._folder, self._host, self._port = folder, host, free_port()
        self._started: list[subprocess.Popen[bytes]] = []
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, python_path)),
            "DASK_TEMPORARY_DIRECTORY": str(folder),
            "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver",
        }
        self._scheduler = ("scheduler", "--host", host, "--port", str(self._port), "--no-dashboard")
        self._serve(*self._scheduler)

    @property
    def address(self) -> str:
        return f"dask://{self._host}:{self._port}"

    def add_worker(self, *options: str, host: str | None = None, through: str = "") -> None:
        place = f"tcp://{self._host}:{self._port}"
        nanny = str(Path(__file__).with_name("dask_nanny.py"))
        given = ("--host", host or self._host, "--nthreads", "1", "--no-dashboard", "--preload-nanny", nanny, *options)
        self._serve("worker", place, *given, through=through)

    def restart_scheduler(self) -> None:
        """Kill the scheduler, and start it again at the same address."""
        _kill(self._started.pop(0))
        self._serve(*self._scheduler)
        self._started.insert(0, self._started.pop())

    def stop(self) -> None:
        for process in self._started:
            _kill(process)

    def _serve(self, *arguments: str, through: str = "") -> None:
        command = f"{through} {shlex.join([sys.executable, '-m', 'dask', *arguments])}"
        with (self._folder / f"{arguments[0]}.log").open("ab") as log:
            started = subprocess.Popen(
                ["sh", "-c", f"while :; do {command}; sleep 0.2; done"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environment,
                start_new_session=True,
            )
        self._started.append(started)


def _kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def cluster(folder: Path, workers: int = 0, host: str = "127.0.0.1") -> Iterator[Cluster]:
    folder.mkdir(exist_ok=True)
    made = Cluster(folder, host=host)
    try:
        for _ in range(workers):
            made.add_worker()
        yield made
    finally:
        made.stop()
