"""Where jobs are done: this process, processes of this machine, or a cluster; all as `concurrent.futures` has it."""

import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import replace
from functools import partial
from multiprocessing.connection import wait
from typing import Any, ParamSpec, TypeVar

import torch

from archbuilder.data.subprocesses import process_context
from archbuilder.errors import ArchbuilderError
from archbuilder.plugins import load_plugins
from archbuilder.training import Machine, torch_threads

P = ParamSpec("P")
T = TypeVar("T")
_NAME = "archbuilder-worker"
_GUARD = 'a script must search with several workers below `if __name__ == "__main__":`, as each process imports it'
ADAPTERS = {"dask": "archbuilder.searching.dask_executor"}
"""The modules of executors by the schemes of their addresses; each has a context manager `opened(address)`."""

_machines: list[Machine] = []  # of a worker: its own


class WorkerLost(Exception):  # noqa: N818 - it names what happened
    """The process that did a job is gone; the job can be submitted again.

    Attributes:
        reason: How it ended.
        is_fault_of_job: Whether the job may have ended it; false where the cluster is gone.
    """

    def __init__(self, reason: str, *, is_fault_of_job: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.is_fault_of_job = reason, is_fault_of_job


class JobExecutor(Executor):
    """An executor that says how many jobs it does at a time."""

    @property
    def max_workers(self) -> int:
        """The number of jobs that are done at a time, at least 1."""
        raise NotImplementedError


class InThisProcess(JobExecutor):
    """Does each job at once, in this process."""

    max_workers = 1

    def __init__(self, threads: int | None = None) -> None:
        """Use so many CPU threads; None leaves their number as it is."""
        self._threads = threads

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do a job; the future is done."""
        future: Future[T] = Future()
        try:
            with torch_threads(self._threads):
                future.set_result(fn(*args, **kwargs))
        except Exception as error:  # an interrupt passes
            future.set_exception(error)
        return future


class Processes(JobExecutor):
    """Processes of this machine, each with a device and a share of the threads of its own.

    Each is a pool of one process: one that is killed takes no other with it.
    """

    def __init__(self, machines: Sequence[Machine], threads: int) -> None:
        """Say what they are; each is started when there is something for it to do.

        Args:
            machines: The device and precision of each.
            threads: The CPU threads of each.
        """
        readers = [max(1, machine.workers // len(machines)) if machine.workers else 0 for machine in machines]
        context = copy(process_context(__name__))
        context.Process = partial(context.Process, name=_NAME)  # type: ignore[misc,assignment]
        self._pools: list[ProcessPoolExecutor | None] = [None] * len(machines)
        self._make = [
            partial(
                ProcessPoolExecutor,
                1,
                mp_context=context,
                initializer=_begin,
                initargs=(replace(machine, workers=count), threads),
            )
            for machine, count in zip(machines, readers, strict=True)
        ]
        self._busy: dict[int, Future[Any]] = {}
        self._ready: set[int] = set()

    @property
    def max_workers(self) -> int:
        """The number of processes."""
        return len(self._pools)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a job done by a process that is idle; there must be one."""
        slot = next(slot for slot in range(len(self._pools)) if slot not in self._busy)
        pool = self._pools[slot] = self._pools[slot] or self._make[slot]()
        outer: Future[T] = Future()
        outer.set_running_or_notify_cancel()
        self._busy[slot] = outer
        inner = pool.submit(fn, *args, **kwargs)
        processes = list((pool._processes or {}).values())  # for how it ended, which no public name says
        inner.add_done_callback(partial(self._done, slot, outer, processes))
        return outer

    def _done(
        self, slot: int, outer: Future[T], processes: Sequence[multiprocessing.process.BaseProcess], inner: Future[T]
    ) -> None:
        error: BaseException | None = None
        if inner.cancelled():
            error = WorkerLost("its process was stopped")
        elif isinstance(inner.exception(), BrokenProcessPool):
            self._pools[slot] = None
            for process in processes:
                process.join(10)
            code = next((process.exitcode for process in processes if process.exitcode), 0)
            reason = _ending(code)
            error = WorkerLost(reason)
            if code > 0 and slot not in self._ready:
                message = f"{reason} before it could train: its output is above"
                error = ArchbuilderError(f"{message}\n  if a script of yours runs this search: {_GUARD}")
        else:
            error = inner.exception()
            self._ready.add(slot)
        self._busy.pop(slot, None)
        if error is None:
            outer.set_result(inner.result())
        else:
            outer.set_exception(error)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, whatever they are doing."""
        for pool in self._pools:
            for process in list((pool._processes or {}).values()) if pool is not None else ():
                process.kill()
            if pool is not None:
                pool.shutdown(wait=wait, cancel_futures=True)
        self._pools = [None] * len(self._pools)


def _ending(code: int) -> str:
    """Say how a process ended."""
    return (
        f"its process was ended by {signal.Signals(-code).name}"
        if code < 0
        else f"its process ended with status {code}"
    )


def _begin(machine: Machine, threads: int) -> None:
    """Begin a worker: it ends with the process that started it, and leaves Ctrl-C to it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setsid"):
        with suppress(OSError):
            os.setsid()
    load_plugins()  # those of the environment, where the command line has noted its own
    torch.set_num_threads(threads)
    _machines[:] = [machine]


def worker_machine(default: Machine) -> Machine:
    """Return the device of this worker; a default where it has none of its own."""
    return _machines[0] if _machines else default


def check_in_no_worker() -> None:
    """Check that this is none of the processes that a search has started.

    Raises:
        ArchbuilderError: It is, and what it imports begins the search anew.
    """
    if multiprocessing.current_process().name == _NAME:
        raise ArchbuilderError(_GUARD)


@contextmanager
def open_executor(address: str | None, machines: Sequence[Machine], threads: int | None) -> Iterator[JobExecutor]:
    """Open an executor; its jobs end with it.

    Args:
        address: Of a cluster, such as `dask://127.0.0.1:8786`; None for this machine.
        machines: The device of each process of this machine; one is this process.
        threads: The CPU threads of each; by default their share of all.

    Raises:
        ArchbuilderError: There is no such executor, or it cannot be reached.
    """
    if address is not None:
        scheme = address.partition("://")[0]
        if scheme not in ADAPTERS:
            known = ", ".join(f"{name}://HOST:PORT" for name in ADAPTERS)
            raise ArchbuilderError(f"--executor: found {address}, expected {known}")
        with importlib.import_module(ADAPTERS[scheme]).opened(address) as cluster:
            yield cluster
        return
    if len(machines) == 1:
        yield InThisProcess(threads)
        return
    processes = Processes(machines, threads or max(1, torch.get_num_threads() // len(machines)))
    try:
        yield processes
    finally:
        processes.shutdown()
