"""A process that answers questions within a time limit: a slow plan, or one that takes all memory, costs no page."""

import gc
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from archbuilder.errors import ArchbuilderError
from archbuilder.play.limits import LARGEST_PROCESS
from archbuilder.plugins import load_plugins

_LOOK = 0.2  # seconds between two looks whether an answer is wanted
_GRACE = 1.0
"""Seconds that an answer which nobody wants any more may still take: to start another process takes about as long."""


class TooSlowError(ArchbuilderError):
    """An answer took longer than it may; the process was ended."""


class UnwantedError(ArchbuilderError):
    """Nobody wants the answer any more: the text has changed."""


class Worker:
    """A process that calls functions of the package, one after the other.

    It starts with the first question, and again after it was ended. Arguments and results are plain data. Questions of
    several threads wait for each other.
    """

    def __init__(self, *, largest: int | None = LARGEST_PROCESS) -> None:
        """Name a process, which does not start yet.

        Args:
            largest: Bytes of address space that it may have; None for as many as there are.
        """
        self._largest = largest
        self._lock = threading.Lock()
        self._process: Any = None
        self._connection: Connection | None = None
        self._is_closed = False

    def ask(
        self,
        patience: float,
        function: Callable[..., Any],
        *arguments: Any,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Any:
        """Call a function in the process and return what it returns.

        Args:
            patience: Seconds after which the process is ended.
            function: A function of a module.
            arguments: Its arguments.
            is_wanted: Whether the answer is still wanted. A question whose turn comes too late is not asked; one that
                takes longer than a second is given up.

        Raises:
            ArchbuilderError: The function raises it, or any other error, with its text.
            TooSlowError: It did not answer in time.
            UnwantedError: The answer is not wanted any more.
        """
        with self._lock:
            if self._is_closed:
                raise ArchbuilderError("the playground is closing")
            if not is_wanted():
                raise UnwantedError("the text has changed")
            connection = self._started()
            try:
                connection.send((function, arguments))
                self._wait(connection, patience, is_wanted)
                is_answer, answer = connection.recv()
            except (EOFError, OSError):
                self._end()
                raise ArchbuilderError("the process that plans has ended, as when memory is full") from None
        if not is_answer:
            raise ArchbuilderError(answer)
        return answer

    def _wait(self, connection: Connection, patience: float, is_wanted: Callable[[], bool]) -> None:
        """Wait for an answer, or end the process."""
        start = time.monotonic()
        while not connection.poll(min(_LOOK, max(0.0, patience - (time.monotonic() - start)))):
            passed = time.monotonic() - start
            if passed >= patience:
                self._end()
                raise TooSlowError(f"given up after {patience:g} seconds: the network is too large to be shown live")
            if passed >= _GRACE and not is_wanted():
                self._end()
                raise UnwantedError("the text has changed")

    def close(self) -> None:
        """End the process, and refuse further questions."""
        self._is_closed = True
        self._end()

    def _started(self) -> Connection:
        if self._connection is None or not self._process.is_alive():
            self._end()
            # Not a fork: the server has threads, whose locks a fork would copy as they are.
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=_answer, args=(theirs, self._largest), daemon=True)
            self._process.start()
            theirs.close()
        return self._connection

    def _end(self) -> None:
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.join()


def _answer(connection: Connection, largest: int | None) -> None:
    """Answer questions until the connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's
    _limit(largest)
    load_plugins()
    gc.collect()
    gc.freeze()  # what is imported stays
    while True:
        try:
            function, arguments = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = True, function(*arguments)
        except ArchbuilderError as error:
            answer = False, str(error)
        except MemoryError:
            answer = False, "the network is too large to be planned here: memory is full"
        except RecursionError:
            answer = False, "the spec nests too deeply"
        except Exception as error:
            answer = False, f"archbuilder failed: {type(error).__name__}: {error}"
        connection.send(answer)


def _limit(largest: int | None) -> None:
    """Limit the memory of this process, where the system can."""
    if largest is None:
        return
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - Windows has none

        resource.setrlimit(resource.RLIMIT_AS, (largest, resource.getrlimit(resource.RLIMIT_AS)[1]))
