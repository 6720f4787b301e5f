"""Jobs in processes of this machine, by the interface of `concurrent.futures`."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from copy import copy
from dataclasses import replace
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

import torch

from archbuilder.data.subprocesses import process_context
from archbuilder.errors import ArchbuilderError
from archbuilder.executors.worker import WorkerLost, outcome_of, settle, use_machine
from archbuilder.training import Machine

T = TypeVar("T")
_NAME = "archbuilder-worker"
_GUARD = 'a script must search with several workers below `if __name__ == "__main__":`, as each process imports it'
_LAST_WORDS = 10.0  # seconds for a process to end after it has closed its pipes


class Processes(Executor):
    """Processes of this machine, each a pool of one with its own device: one that is killed takes no other along."""

    def __init__(self, machines: Sequence[Machine], threads: int) -> None:
        """Say what they are; each is started when there is something for it to do.

        Args:
            machines: The device and precision of each. They share the processes that read files.
            threads: The CPU threads of each.
        """
        readers = [min(machine.workers, max(1, machine.workers // len(machines))) for machine in machines]
        self._slots = [_Slot(replace(one, workers=n), threads) for one, n in zip(machines, readers, strict=True)]

    @property
    def max_workers(self) -> int:
        """The number of processes."""
        return len(self._slots)

    @property
    def is_undisturbed(self) -> bool:
        """Whether each process has a GPU of its own."""
        gpus = {slot.device for slot in self._slots if slot.device.type == "cuda"}
        return len(gpus) == len(self._slots)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a job done by an idle process.

        Raises:
            RuntimeError: Every process has a job.
        """
        slot = next((slot for slot in self._slots if not slot.is_busy), None)
        if slot is None:
            raise RuntimeError(f"each of the {len(self._slots)} processes has a job")
        return slot.submit(partial(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes: after their jobs, or at once if futures are to be canceled."""
        for slot in self._slots:
            slot.end(wait=wait, kill=cancel_futures)


class _Slot:
    """A place for one process at a time."""

    def __init__(self, machine: Machine, threads: int) -> None:
        # An optimizer's first step imports torch._dynamo, for seconds: once for all processes.
        context = process_context("archbuilder.trials.runner", "torch._dynamo")
        self._new_process: Callable[..., BaseProcess] = context.Process
        self._ready = context.RawValue("b", 0)
        self._context = copy(context)
        self._context.Process = self._started  # type: ignore[misc,assignment]
        self._given, self.device = (machine, threads, self._ready), machine.device
        self._pool: ProcessPoolExecutor | None = None
        self._process: BaseProcess | None = None
        self.is_busy = False

    def _started(self, *args: Any, **kwargs: Any) -> BaseProcess:
        """Return a process for the pool, and keep it: a pool tells nobody how its process ended."""
        self._ready.value = 0
        self._process = self._new_process(*args, **kwargs, name=_NAME)
        return self._process

    def submit(self, job: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self.is_busy = True
        try:
            inner = self._opened().submit(outcome_of, job)
        except BrokenProcessPool:  # its process was killed while it had no job
            self._pool = None
            inner = self._opened().submit(outcome_of, job)
        inner.add_done_callback(partial(self._done, future))
        return future

    def _opened(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, self._context, initializer=_begin, initargs=self._given)
        return self._pool

    def _done(self, future: Future[Any], inner: Future[Any]) -> None:
        error = WorkerLost("its process was stopped") if inner.cancelled() else inner.exception()
        if isinstance(error, BrokenProcessPool):
            self._pool, error = None, self._end_of_process()
        self.is_busy = False
        settle(future, (None, error) if error else inner.result())

    def _end_of_process(self) -> Exception:
        assert self._process is not None
        self._process.join(_LAST_WORDS)
        code = self._process.exitcode or 0
        ended = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        if code < 0 or self._ready.value:
            return WorkerLost(f"its process {ended}")
        return ArchbuilderError(
            f"its process {ended} before it could train: its output is above\n"
            f"  if a script of yours runs this search: {_GUARD}"
        )

    def end(self, *, wait: bool, kill: bool) -> None:
        process, pool = self._process, self._pool
        # The number of one that has ended may be another's by now.
        if kill and process is not None and process.pid is not None and process.exitcode is None:
            with suppress(ProcessLookupError, AttributeError):  # with those that read files for it
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
        if pool is not None:
            pool.shutdown(wait, cancel_futures=kill)


def _begin(machine: Machine, threads: int, ready: Any) -> None:
    """Begin a process; it ends with the one that started it, and leaves Ctrl-C to it, which a whole terminal gets."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setsid"):
        os.setsid()
    torch.set_num_threads(threads)
    use_machine(lambda default: machine)
    ready.value = 1


def check_in_no_worker() -> None:
    """Check that this is none of the processes that a search has started.

    Raises:
        ArchbuilderError: It is, and what it imports begins the search anew.
    """
    if multiprocessing.current_process().name == _NAME:
        raise ArchbuilderError(_GUARD)
