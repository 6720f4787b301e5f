"""Where jobs are done: this process, processes of this machine, or a cluster; all as `concurrent.futures` has it."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from archbuilder.executors.clusters import ClusterExecutor, open_cluster
from archbuilder.executors.processes import Processes
from archbuilder.training import Machine, torch_threads

T = TypeVar("T")
_PATIENCE = 300.0  # seconds for a cluster that has answered before


class JobExecutor(Protocol):
    """An executor of `concurrent.futures` that knows how many jobs it does at a time."""

    @property
    def max_workers(self) -> int:
        """The number of jobs that are done at a time now, at least 1."""

    @property
    def is_undisturbed(self) -> bool:
        """Whether no job slows down another, as each has a GPU of its own, or is alone."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a job done; no more than `max_workers` are submitted at a time."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End: after all jobs, or at once if they are to be canceled."""


class InThisProcess(Executor):
    """Does each job at once, in this process."""

    max_workers = 1
    is_undisturbed = True  # no other job runs beside it

    def __init__(self, threads: int | None = None) -> None:
        """Use so many CPU threads; None leaves their number as it is."""
        self._threads = threads

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Do a job; the future is done. An interrupt passes through."""
        future: Future[T] = Future()
        try:
            with torch_threads(self._threads):
                future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def open_executor(
    address: str | None, machines: Sequence[Machine], threads: int | None, folder: Path
) -> Iterator[JobExecutor]:
    """Open an executor; its jobs end with it.

    Args:
        address: Of a cluster, such as `dask://127.0.0.1:8786`; None for this machine.
        machines: The device of each process of this machine; one is this process.
        threads: The CPU threads of each; by default their share of this machine's, on a cluster what its workers are
            started with.
        folder: The folder of the study.

    Raises:
        ArchbuilderError: There is no such executor, or it cannot be reached.
    """
    executor: JobExecutor
    if address is not None:
        cluster = open_cluster(address, folder)
        if address.partition(":")[0] == "local":  # jobs of this machine share its processors
            threads = threads or max(1, torch.get_num_threads() // len(cluster.gpus))
        executor = ClusterExecutor(cluster, threads, partial(open_cluster, address, folder, _PATIENCE))
    elif len(machines) == 1:
        executor = InThisProcess(threads)
    else:
        executor = Processes(machines, threads or max(1, torch.get_num_threads() // len(machines)))
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)
