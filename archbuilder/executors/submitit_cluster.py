"""Jobs of Slurm, by submitit: `slurm:workers=16,time=8:00:00` and sbatch's options; `local:workers=2` tries it here."""

import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import submitit
from submitit.core.utils import FailedJobError

from archbuilder.errors import ArchbuilderError
from archbuilder.executors.clusters import OnOutcome, hand_on, options_of
from archbuilder.executors.worker import JobOutcome, WorkerLost, done_in_batch

_POLL, _ASKS, _LAST_WORDS = 0.5, 20, 10.0  # seconds; looks for results until Slurm is asked; seconds for jobs to end
_PATIENCE = 10.0  # seconds for Slurm's answer: jobs end that hear nothing of their coordinator for thirty


class SubmititCluster:
    """Slurm: each job of the search is one of its jobs, so that no worker waits for another."""

    def __init__(self, address: str, folder: Path) -> None:
        """Read what an address says; jobs and their logs are in `progress/slurm` of the study's folder."""
        kind, options = address.partition(":")[0], options_of(address)
        workers = int(number) if (number := options.pop("workers", "")).isdecimal() else 0
        self.gpus = [0.0] * workers  # what else computes on a node is not known
        if not workers or (kind == "slurm" and "time" not in options):
            raise ArchbuilderError(
                f"--executor {address}: expected {kind}:workers=16,time=8:00:00 and sbatch's options"
            )
        self._folder = folder.absolute() / "progress" / kind
        self._gpu = any(key.startswith("gpus") or (key == "gres" and "gpu" in it) for key, it in options.items())
        try:
            self._executor = submitit.AutoExecutor(self._folder, cluster=kind)
        except RuntimeError as error:
            raise ArchbuilderError(f"--executor {address}: {error}") from None
        if kind == "local":
            _let_jobs_be_interrupted()
        more = {"slurm_additional_parameters": options | {"no-requeue": True}} if kind == "slurm" else {}
        self._executor.update_parameters(name="archbuilder", timeout_min=10**6, **more)
        self._asks = _ASKS if kind == "slurm" else 1
        self._running, self._closed = dict[str, tuple[Any, OnOutcome]](), Event()
        Thread(target=self._watch, daemon=True).start()

    def start(self, job: Callable[[], JobOutcome], on_outcome: OnOutcome) -> Callable[[], object]:
        """Submit a job."""
        try:
            submitted = self._executor.submit(partial(done_in_batch, job, self._folder / "alive", gpu=self._gpu))
        except FailedJobError as error:  # what sbatch said
            raise ArchbuilderError(f"--executor: Slurm refuses the job: {error}") from None
        self._running[submitted.job_id] = submitted, on_outcome
        return partial(submitted.cancel, check=False)

    def _watch(self) -> None:
        """Look for results, and show the jobs that their coordinator is alive."""
        absent = set[str]()
        for number in count():
            with suppress(OSError):
                (self._folder / "alive").write_text(f"{time.time()}")
            queued = self._queued() if number % self._asks == 0 else set(self._running)
            for key, (job, on_outcome) in list(self._running.items()):
                if _has_result(job) or key in absent - queued:
                    del self._running[key]
                    told = partial(hand_on, on_outcome, "submitit", partial(_result, job))
                    Thread(target=told, daemon=True).start()
            if number % self._asks == 0:
                absent = set(self._running) - queued  # lost if it has no result when Slurm is asked again
            if self._closed.wait(_POLL):
                return

    def _queued(self) -> set[str]:
        """Return the jobs that run or wait to; all of them where that cannot be learned now."""
        command = ["squeue", "--noheader", "--me", "--format=%A"]
        with suppress(OSError, subprocess.SubprocessError):
            if self._asks == 1:
                return {key for key, (job, _) in list(self._running.items()) if not job.done()}
            asked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE)
            return set(asked.stdout.split())
        return set(self._running)

    def close(self) -> None:
        """Cancel the jobs that are left, and give them some seconds to end."""
        self._closed.set()
        for job, _ in list(self._running.values()):
            with suppress(OSError, subprocess.SubprocessError):
                job.cancel(check=False)
        last = time.monotonic() + _LAST_WORDS
        while self._running and self._queued() & set(self._running) and time.monotonic() < last:
            time.sleep(_POLL)


def _let_jobs_be_interrupted() -> None:
    """See to it that jobs of this machine, which submitit cancels by SIGINT, do not ignore it where this process does.

    A shell that starts a command in the background has it ignored, which is inherited; a handler is not.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        with suppress(ValueError):  # this is not the main thread
            signal.signal(signal.SIGINT, lambda *_: None)


def _has_result(job: Any) -> bool:
    try:
        return bool(job.paths.result_pickle.exists())
    except OSError:  # of a file server; Slurm says whether the job is over
        return False


def _result(job: Any) -> JobOutcome:
    """Return what came of a job, and remove its files but for its log."""
    try:
        if not job.paths.result_pickle.exists():
            raise WorkerLost(f"its job {job.job_id} ended without a result; see {job.paths.stderr}")
        outcome: JobOutcome = job.result()
        return outcome
    except OSError as error:
        raise WorkerLost(f"the result of its job {job.job_id} cannot be read: {error}") from None
    except FailedJobError as error:  # it could not begin: the last line of a traceback
        said = str(error).split("\n-----")[:2][-1].rstrip() or "it ended without a word"
        raise ArchbuilderError(said.splitlines()[-1]) from None
    finally:
        for path in (job.paths.submitted_pickle, job.paths.result_pickle):
            with suppress(OSError):
                path.unlink()
