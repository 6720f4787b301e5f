"""Jobs on a Dask cluster: `dask://HOST:PORT` is its scheduler, `tls://HOST:PORT` an encrypted one."""

import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

from archbuilder.errors import ArchbuilderError
from archbuilder.executors.clusters import OnOutcome, hand_on
from archbuilder.executors.worker import JobOutcome, WorkerLost, done_while

distributed: Any = import_module("distributed")
_PATIENCE = 300.0  # seconds for a scheduler that has answered before
_lost = partial(WorkerLost, "the connection to the Dask scheduler was lost", is_fault_of_job=False)


class DaskCluster:
    """The workers of a Dask cluster, one job a process; only those that declare the resource `GPU` where some do."""

    def __init__(self, address: str, folder: Path, patience: float = 15.0) -> None:
        """Connect to a scheduler within so many seconds."""
        self._address, self._jobs = address.replace("dask:", "tcp:", 1), dict[str, OnOutcome]()
        self._client = self._connected(patience)

    def _connected(self, patience: float) -> Any:
        try:
            return distributed.Client(self._address, timeout=patience, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise ArchbuilderError(f"--executor: no Dask scheduler answers at {self._address}: {error}") from None

    @property
    def gpus(self) -> list[float]:
        """The number of GPUs that each worker process declares."""
        workers = self._client.scheduler_info()["workers"].values() if self._client.status == "running" else ()
        return [worker["resources"].get("GPU", 0) for worker in workers]

    def start(self, job: Callable[[], JobOutcome], on_outcome: OnOutcome) -> Callable[[], object]:
        """Start a job; where the scheduler is gone, wait for it to come back, for up to 5 minutes."""
        while self._client.status == "connecting":  # again: it gives up after some seconds
            time.sleep(0.1)
        if self._client.status != "running":
            self.close()
            self._client = self._connected(_PATIENCE)
        key, resources = f"job-{uuid4().hex}", {"GPU": 1} if any(self.gpus) else None
        asked = self._client.submit(_do, key, job, key=key, pure=False, resources=resources)
        self._jobs[key] = on_outcome
        # Fetched in a thread of its own: Dask has one for the callbacks of all clients, and a lost client may block it.
        fetch = partial(self._fetch, asked, on_outcome)
        asked.add_done_callback(lambda done: Thread(target=fetch, daemon=True).start())
        return partial(asked.cancel)

    def _fetch(self, asked: Any, on_outcome: OnOutcome) -> None:
        def result() -> JobOutcome:
            try:
                outcome: JobOutcome = asked.result(timeout=60)
            except distributed.KilledWorker as error:
                raise WorkerLost(f"its Dask worker {error.last_worker.address} is gone") from None
            except (CancelledError, OSError):
                raise _lost() from None
            return outcome

        self._jobs.pop(asked.key, None)
        hand_on(on_outcome, "Dask", result)

    def close(self) -> None:
        """Disconnect; jobs that nobody waits for are stopped."""
        self._client.close()
        while self._jobs:
            self._jobs.popitem()[1]((None, _lost()))


def _do(key: str, job: Callable[[], JobOutcome]) -> JobOutcome:
    """Do a job in a worker; not if one that is gone has begun it: Dask would do it again, which the search decides."""
    client, worker = distributed.get_client(), distributed.get_worker()
    begun = client.get_metadata(["archbuilder", key], None)
    if begun is not None:
        return None, WorkerLost(f"its Dask worker {begun} is gone")
    client.set_metadata(["archbuilder", key], worker.address)

    def is_wanted() -> bool:
        task, is_open = worker.state.tasks.get(key), worker.status.name in ("running", "paused", "closing_gracefully")
        return is_open and task is not None and task.state != "cancelled"

    return done_while(is_wanted, job, gpu=bool(worker.state.total_resources.get("GPU")))
