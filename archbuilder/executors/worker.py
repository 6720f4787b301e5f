"""The side of a worker: a process that does jobs for a search, whichever executor gave them."""

import ctypes
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import cache
from multiprocessing.reduction import ForkingPickler
from traceback import format_exception
from typing import Any

from archbuilder.errors import ArchbuilderError
from archbuilder.plugins import load_plugins
from archbuilder.recipe import Precision
from archbuilder.training import Machine, choose_machine, torch_threads

Choice = Callable[[Machine], Machine]
JobOutcome = tuple[Any, BaseException | None]
"""What a job returned, and None; or None, and what it raised."""
JobFunction = Callable[[], JobOutcome]
"""A job as a worker is given it; it never raises."""

_load_plugins_once = cache(load_plugins)
_one_at_a_time = threading.Lock()  # trainings share torch's random state
_choices: list[Choice] = []  # at most one, in a worker


class WorkerLost(Exception):  # noqa: N818 - it says what happened
    """The process that did a job is gone; the job can be submitted again.

    Attributes:
        reason: How it ended.
        is_fault_of_job: Whether the job may be the cause; false where the cluster, or the connection to it, was lost.
    """

    def __init__(self, reason: str, *, is_fault_of_job: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.is_fault_of_job = reason, is_fault_of_job


def worker_machine(default: Machine) -> Machine:
    """Return the device and precision of this worker; the default where it has none of its own."""
    return _choices[0](default) if _choices else default


def use_machine(choose: Choice) -> None:
    """Make this process a worker whose device and precision are what `choose` returns for a default."""
    _choices[:] = [choose]


def on_gpu(default: Machine) -> Machine:
    """Return this worker's GPU; its precision is the default's if that is a GPU's, else the fastest."""
    precision = default.precision if default.device.type == "cuda" else Precision.AUTO
    return choose_machine("cuda", precision, compiled=default.compiled, workers=default.workers)


def outcome_of(job: Callable[[], Any], threads: int | None = None) -> JobOutcome:
    """Do a job in a worker, with the user's plugins.

    What it raises is returned: not every exception can be sent, and one that cannot be read would end the executor.

    Args:
        job: What is to be done.
        threads: The CPU threads; None leaves their number as it is.
    """
    try:
        _load_plugins_once()
        with torch_threads(threads):
            return job(), None
    except Exception as error:
        return None, _sendable(error)


def _sendable(error: Exception) -> Exception:
    """Return an exception with its traceback as a note; a plain one with its text if it cannot be sent."""
    is_ours = isinstance(error, ArchbuilderError)
    if not is_ours:
        error.add_note("In the worker:\n" + "".join(format_exception(error)))
    try:
        arrived = ForkingPickler.loads(ForkingPickler.dumps(error))
        if type(arrived) is type(error) and str(arrived) == str(error):
            return error
    except Exception:
        pass
    return ArchbuilderError(str(error)) if is_ours else RuntimeError(f"{type(error).__name__}: {error}")


def done_while(is_wanted: Callable[[], bool], job: JobFunction, *, gpu: bool = False) -> JobOutcome:
    """Do a job in a thread of a cluster's worker, where no other job is being done, as long as it is wanted.

    A cluster lets a job that was canceled, or whose coordinator is gone, run to its end: here it is interrupted.

    Args:
        is_wanted: Returns whether it is.
        job: What is to be done.
        gpu: Whether the worker has a GPU for it.
    """
    if gpu:
        use_machine(on_gpu)
    multiprocessing.current_process().daemon = False  # a daemon may start no processes, such as those that read files
    thread, is_done = ctypes.c_ulong(threading.get_ident()), threading.Event()

    def watch() -> None:
        while not is_done.wait(1.0):
            if not is_wanted():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(KeyboardInterrupt))
                return

    with _one_at_a_time:
        threading.Thread(target=watch, daemon=True).start()
        try:
            return job()
        except KeyboardInterrupt:
            return None, WorkerLost("its job was stopped", is_fault_of_job=False)
        finally:
            is_done.set()


def settle(future: Future[Any], outcome: JobOutcome) -> None:
    """Give a future its outcome, unless it is canceled."""
    result, error = outcome
    with suppress(InvalidStateError):
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
