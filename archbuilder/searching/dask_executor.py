"""Jobs on a Dask cluster: `dask://HOST:PORT` is its scheduler."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from archbuilder.errors import ArchbuilderError
from archbuilder.searching.executors import JobExecutor, P, T, WorkerLost

try:
    distributed: Any = import_module("distributed")
except ModuleNotFoundError as missing:
    raise ArchbuilderError("--executor dask://... needs Dask: pip install 'archbuilder[dask]'") from missing

_PATIENCE = 300.0  # seconds for a scheduler to come back


class DaskExecutor(JobExecutor):
    """The workers of a Dask cluster, one job for each of their threads; GPUs are the workers' resource `GPU`."""

    def __init__(self, address: str, patience: float = 10.0) -> None:
        """Connect to a scheduler, within so many seconds."""
        self._address = address
        try:
            self._client = distributed.Client(address, timeout=patience, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise ArchbuilderError(f"--executor: no Dask scheduler answers at {address}: {error}") from None

    @property
    def max_workers(self) -> int:
        """The number of threads of all workers now, at least 1."""
        return max(1, sum(self._client.nthreads().values())) if self._client.status == "running" else 1

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a job done; the future fails with `WorkerLost` where a worker, or the scheduler, is gone."""
        self._reconnect()
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        has_gpus = any(
            "GPU" in one["resources"] for one in self._client.scheduler_info(n_workers=-1)["workers"].values()
        )
        job = self._client.submit(
            fn, *args, **kwargs, pure=False, retries=0, resources={"GPU": 1} if has_gpus else None
        )
        job.add_done_callback(lambda done: _pass_on(done, future))
        return future

    def _reconnect(self) -> None:
        """Wait for the scheduler, if it is gone."""
        until = time.monotonic() + _PATIENCE
        while self._client.status != "running" and time.monotonic() < until:
            time.sleep(0.2)
        if self._client.status != "running":
            self._client.close()
            self._client = distributed.Client(self._address, timeout=_PATIENCE, set_as_default=False)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel what is being done, and disconnect."""
        self._client.close()


def _pass_on(done: Any, future: "Future[Any]") -> None:
    try:
        future.set_result(done.result(timeout=60))
    except (CancelledError, distributed.CancelledError, distributed.KilledWorker, OSError, TimeoutError) as error:
        is_worker = isinstance(error, distributed.KilledWorker)
        future.set_exception(
            WorkerLost("its worker is gone" if is_worker else "the scheduler is gone", is_fault_of_job=is_worker)
        )
    except Exception as error:
        future.set_exception(error)


@contextmanager
def opened(address: str) -> Iterator[DaskExecutor]:
    """Connect to the scheduler at `dask://HOST:PORT`."""
    executor = DaskExecutor(address.replace("dask://", "tcp://", 1))
    try:
        yield executor
    finally:
        executor.shutdown()
