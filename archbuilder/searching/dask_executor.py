"""Jobs on a Dask cluster: `dask://HOST:PORT` is its scheduler."""

import ctypes
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from functools import partial
from importlib import import_module
from typing import Any, TypeVar
from uuid import uuid4

from archbuilder import __version__
from archbuilder.errors import ArchbuilderError
from archbuilder.searching.executors import JobExecutor
from archbuilder.searching.worker import Outcome, WorkerLost, on_gpu, outcome_of, settle, use_machine

try:
    distributed: Any = import_module("distributed")
except ModuleNotFoundError as missing:
    raise ArchbuilderError("--executor dask://... needs Dask: pip install 'archbuilder[dask]'") from missing

T = TypeVar("T")
_PATIENCE = 300.0  # seconds for a scheduler that has answered before
_CUT = "the connection to the Dask scheduler was lost"
_one_at_a_time = threading.Lock()  # in a worker with several threads: trainings share torch's random state


class DaskExecutor(JobExecutor):
    """The workers of a Dask cluster, one job a process; only those that declare the resource `GPU` where some do."""

    def __init__(self, address: str, threads: int | None, patience: float = 15.0) -> None:
        """Connect to the scheduler at `dask://HOST:PORT`.

        Args:
            address: Its address.
            threads: The CPU threads of each job; None leaves what a worker was started with.
            patience: The seconds in which it must answer.

        Raises:
            ArchbuilderError: It does not.
        """
        encrypted = import_module("dask").config.get("distributed.comm.require-encryption", None)
        self._address = address.replace("dask:", "tls:" if encrypted else "tcp:", 1)
        self._threads = threads
        self._jobs: dict[Future[Any], Any] = {}
        self._client = self._connected(patience)

    def _connected(self, patience: float) -> Any:
        try:
            return distributed.Client(self._address, timeout=patience, set_as_default=False)
        except (OSError, ValueError) as error:
            message = f"--executor: no Dask scheduler answers at {self._address} within {patience:.0f} seconds"
            raise ArchbuilderError(f"{message}: {error}") from None

    def _workers(self) -> tuple[int, dict[str, float] | None]:
        """Return the number of workers, and the resources that a job takes of one."""
        known = self._client.scheduler_info()["workers"].values() if self._client.status == "running" else ()
        gpus = [worker for worker in known if worker["resources"].get("GPU")]
        return len(gpus or known), {"GPU": 1} if gpus else None

    @property
    def max_workers(self) -> int:
        """The number of worker processes now, at least 1."""
        return max(1, self._workers()[0])

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a job done; where the scheduler is gone, wait for it to come back.

        Raises:
            ArchbuilderError: It does not come back in 5 minutes.
        """
        if self._client.status != "running":
            self._disconnect(_CUT)
            self._client = self._connected(_PATIENCE)
        key, (_, resources) = f"{getattr(fn, '__name__', 'job')}-{uuid4().hex}", self._workers()
        job = partial(outcome_of, partial(fn, *args, **kwargs), self._threads)
        asked = self._client.submit(_do, key, job, bool(resources), key=key, pure=False, resources=resources)
        future: Future[T] = Future()
        self._jobs[future] = asked
        future.add_done_callback(self._forget)
        asked.add_done_callback(lambda done: settle(future, _outcome(done)))
        return future

    def _forget(self, future: Future[Any]) -> None:
        asked = self._jobs.pop(future)
        if future.cancelled():
            future.set_running_or_notify_cancel()  # those who wait for it hear of it only then
            asked.cancel()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Disconnect: after all jobs, or at once if they are to be canceled."""
        if wait and not cancel_futures:
            _wait(self._jobs)
        self._disconnect("its job was stopped")

    def _disconnect(self, reason: str) -> None:
        self._client.close()
        for future in list(self._jobs):
            settle(future, (None, WorkerLost(reason, is_fault_of_job=False)))


_wait = wait


def _outcome(asked: Any) -> Outcome:
    """Return the outcome of a job; any exception here is of Dask, or of a worker that cannot even begin."""
    try:
        outcome: Outcome = asked.result(timeout=60)
        return outcome
    except distributed.KilledWorker as error:
        return None, WorkerLost(f"its Dask worker {error.last_worker.address} is gone")
    except (CancelledError, OSError):
        return None, WorkerLost(_CUT, is_fault_of_job=False)
    except Exception as error:
        cause = error.__cause__ or error
        advice = f"install archbuilder {__version__} and the packages used here on the scheduler and the workers"
        return None, ArchbuilderError(f"Dask cannot do jobs: {type(cause).__name__}: {cause}\n  {advice}")


def _do(key: str, job: Callable[[], Outcome], has_gpu: bool) -> Outcome:
    """Do a job in a worker, until nobody wants it any more; not if a worker that is gone has begun it.

    Dask gives the tasks of such a worker to others by itself; whether to do a job again is the search's to say.
    """
    with _one_at_a_time:
        client, worker = distributed.get_client(), distributed.get_worker()
        begun = client.get_metadata(["archbuilder", key], None)
        if begun is not None:
            return None, WorkerLost(f"its Dask worker {begun} is gone")
        client.set_metadata(["archbuilder", key], worker.address)
        multiprocessing.current_process().daemon = False  # Dask's are daemons, which may have no processes read files
        if has_gpu:
            use_machine(on_gpu)
        done = threading.Event()
        threading.Thread(target=_watch, args=(worker, key, done, threading.get_ident()), daemon=True).start()
        try:
            return job()
        except KeyboardInterrupt:
            return None, WorkerLost("its job was stopped", is_fault_of_job=False)
        finally:
            done.set()


def _watch(worker: Any, key: str, done: threading.Event, thread: int) -> None:
    """Interrupt a thread if its job is canceled, or its client or scheduler is gone: Dask lets it run to its end."""
    while not done.wait(1.0):
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled" or worker.status.name in ("closing", "closed", "failed"):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(KeyboardInterrupt))
            return
