"""Jobs on a Dask cluster: `dask://HOST:PORT` is its scheduler, `tls://HOST:PORT` an encrypted one."""

import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from archbuilder.errors import ArchbuilderError
from archbuilder.executors.clusters import Cancel, OnOutcome, hand_on
from archbuilder.executors.worker import JobFunction, JobOutcome, WorkerLost, done_while

distributed: Any = import_module("distributed")
_LOSSES = {"killed": distributed.KilledWorker, "cut": (distributed.CancelledError, OSError)}


class DaskCluster:
    """The workers of a Dask cluster, one job a process; only those that declare the resource `GPU` where some do."""

    def __init__(self, address: str, folder: Path, patience: float) -> None:
        """Connect to a scheduler within so many seconds."""
        at = address.replace("dask:", "tcp:", 1)
        try:
            self._client = distributed.Client(at, timeout=patience, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise ArchbuilderError(f"--executor: no Dask scheduler answers at {at}: {error}") from None

    @property
    def gpus(self) -> list[float]:
        """The number of GPUs that each worker process declares."""
        workers = self._client.scheduler_info()["workers"].values() if self._client.status == "running" else ()
        return [worker["resources"].get("GPU", 0) for worker in workers]

    def start(self, job: JobFunction, on_outcome: OnOutcome) -> Cancel:
        """Start a job."""
        while self._client.status == "connecting":  # again: it gives up after some seconds, and logs errors if closed
            time.sleep(0.1)
        if self._client.status != "running":
            raise ConnectionError
        asked = self._client.submit(_do, job, pure=False, resources={"GPU": 1} if any(self.gpus) else None)
        asked.add_done_callback(lambda done: hand_on(on_outcome, "Dask", partial(done.result, timeout=60), **_LOSSES))
        return partial(asked.cancel)

    def close(self) -> None:
        """Disconnect; jobs that nobody waits for are stopped."""
        self._client.close()


def _do(job: JobFunction) -> JobOutcome:
    """Do a job in a worker; not if one that is gone has begun it: Dask would do it again, which the search decides."""
    client, worker = distributed.get_client(), distributed.get_worker()
    task = worker.state.tasks[worker.get_current_task()]
    if (begun := client.get_metadata(["archbuilder", task.key], None)) is not None:
        return None, WorkerLost(f"its Dask worker {begun} is gone")
    client.set_metadata(["archbuilder", task.key], worker.address)

    def is_wanted() -> bool:
        return worker.status in distributed.worker.WORKER_ANY_RUNNING and task.state not in ("cancelled", "forgotten")

    return done_while(is_wanted, job, gpu=bool(worker.state.total_resources.get("GPU")))
