"""Jobs on a Dask cluster: `dask://HOST:PORT` is its scheduler, `tls://HOST:PORT` an encrypted one."""

import concurrent.futures
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from importlib import import_module
from threading import Thread
from typing import Any, TypeVar
from uuid import uuid4

from archbuilder import __version__
from archbuilder.errors import ArchbuilderError
from archbuilder.searching.executors import JobExecutor
from archbuilder.searching.worker import Outcome, WorkerLost, done_while, on_gpu, outcome_of, settle

T = TypeVar("T")
distributed: Any = import_module("distributed")
_PATIENCE = 300.0  # seconds for a scheduler that has answered before
_lost = partial(WorkerLost, "the connection to the Dask scheduler was lost", is_fault_of_job=False)


class DaskExecutor(JobExecutor):
    """The workers of a Dask cluster, one job a process; only those that declare the resource `GPU` where some do."""

    def __init__(self, address: str, threads: int | None, patience: float = 15.0) -> None:
        """Connect to a scheduler within so many seconds; a job has so many CPU threads, None as its worker has."""
        self._address, self._threads = address.replace("dask:", "tcp:", 1), threads
        self._jobs: dict[Future[Any], Any] = {}
        self._client = self._connected(patience)

    def _connected(self, patience: float) -> Any:
        try:
            return distributed.Client(self._address, timeout=patience, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise ArchbuilderError(f"--executor: no Dask scheduler answers at {self._address}: {error}") from None

    def _workers(self) -> tuple[int, dict[str, float] | None]:
        """Return the number of workers, and the resources that a job takes of one."""
        workers = self._client.scheduler_info()["workers"].values() if self._client.status == "running" else ()
        gpus = [worker for worker in workers if worker["resources"].get("GPU")]
        return len(gpus or workers), {"GPU": 1} if gpus else None

    @property
    def max_workers(self) -> int:
        """The number of worker processes now, at least 1."""
        return max(1, self._workers()[0])

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a job done; where the scheduler is gone, wait for it to come back, for up to 5 minutes."""
        while self._client.status == "connecting":  # again: it gives up after some seconds
            time.sleep(0.1)
        if self._client.status != "running":
            self.shutdown(cancel_futures=True)
            self._client = self._connected(_PATIENCE)
        key, (_, resources) = f"{getattr(fn, '__name__', 'job')}-{uuid4().hex}", self._workers()
        job = partial(outcome_of, partial(fn, *args, **kwargs), self._threads, on_gpu if resources else None)
        asked = self._client.submit(_do, key, job, key=key, pure=False, resources=resources)
        future: Future[T] = Future()
        self._jobs[future] = asked
        future.add_done_callback(self._forget)
        # Fetched in a thread of its own: Dask has one for the callbacks of all clients, and a lost client may block it.
        asked.add_done_callback(lambda done: Thread(target=_fetch, args=(done, future), daemon=True).start())
        return future

    def _forget(self, future: Future[Any]) -> None:
        asked = self._jobs.pop(future)
        if future.cancelled():
            asked.cancel()
            future.set_running_or_notify_cancel()  # those who wait for it hear of it only then

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Disconnect: after all jobs, or at once if they are to be canceled."""
        if wait and not cancel_futures:
            concurrent.futures.wait(self._jobs)
        self._client.close()
        for future in list(self._jobs):
            settle(future, (None, _lost()))


def _fetch(asked: Any, future: Future[Any]) -> None:
    """Settle a future by the outcome of its job."""
    settle(future, (None, _lost()) if asked.cancelled() else _outcome(asked))


def _outcome(asked: Any) -> Outcome:
    """Return the outcome of a job; what is raised here comes from Dask, or from a worker that cannot even begin."""
    try:
        outcome: Outcome = asked.result(timeout=60)
        return outcome
    except distributed.KilledWorker as error:
        return None, WorkerLost(f"its Dask worker {error.last_worker.address} is gone")
    except (CancelledError, OSError):
        return None, _lost()
    except Exception as error:
        cause = error.__cause__ or error
        advice = f"install archbuilder {__version__} and the packages used here on the scheduler and the workers"
        return None, ArchbuilderError(f"Dask cannot do jobs: {type(cause).__name__}: {cause}\n  {advice}")


def _do(key: str, job: Callable[[], Outcome]) -> Outcome:
    """Do a job in a worker; not if one that is gone has begun it: Dask would do it again, which the search decides."""
    client, worker = distributed.get_client(), distributed.get_worker()
    begun = client.get_metadata(["archbuilder", key], None)
    if begun is not None:
        return None, WorkerLost(f"its Dask worker {begun} is gone")
    client.set_metadata(["archbuilder", key], worker.address)
    return done_while(partial(_is_wanted, worker, key), job)


def _is_wanted(worker: Any, key: str) -> bool:
    task, is_open = worker.state.tasks.get(key), worker.status.name in ("running", "paused", "closing_gracefully")
    return is_open and task is not None and task.state != "cancelled"
