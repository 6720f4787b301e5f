"""Jobs of a batch system, such as Slurm, each one of its own jobs; both sides of the sign of life are here."""

import signal
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

from archbuilder.executors.clusters import Cancel, OnOutcome, hand_on
from archbuilder.executors.worker import JobFunction, JobOutcome, WorkerLost, done_while

_POLL, _LAST_WORDS = 0.5, 10.0  # seconds between looks for results; for jobs to end
_SILENCE = 30.0  # seconds after which a coordinator that shows no sign of life is gone


class BatchJob(NamedTuple):
    """A job that a batch system has taken."""

    key: str  # its name in the queue
    given: Path  # a file that says what is to be done
    result: Path  # a file that is there when it is done
    log: Path  # a file that says why it is not
    read: Callable[[], JobOutcome]  # returns the result; raises an `ArchbuilderError` if the job could not even begin
    cancel: Cancel
    own: Any  # what the system's library calls a job


@dataclass(eq=False)
class BatchCluster:
    """A cluster that is a batch system, which an adapter describes: no worker of it waits for another."""

    name: str  # in errors
    folder: Path  # which workers see
    gpus: Sequence[float]  # of each job at a time; zeros, as what else computes on a node is not known
    has_gpus: bool  # whether a job has one
    submit: Callable[[JobFunction], BatchJob]  # has a process of its own call something
    # The keys of those that run or wait to, perhaps with others; raises an OSError or a SubprocessError if these cannot
    # be learned within ten seconds: meanwhile there is no sign of life.
    queued: Callable[[Collection[BatchJob]], set[str]]
    looks: int = 20  # for results, until the system is asked what is queued

    def __post_init__(self) -> None:
        self._alive, self._closed = self.folder / "alive", Event()
        self._running = dict[str, tuple[BatchJob, OnOutcome]]()
        Thread(target=self._watch, daemon=True).start()

    def start(self, job: JobFunction, on_outcome: OnOutcome) -> Cancel:
        """Submit a job."""
        submitted = self.submit(partial(done_in_batch, job, self._alive, gpu=self.has_gpus))
        self._running[submitted.key] = submitted, on_outcome
        return submitted.cancel

    def _watch(self) -> None:
        """Look for results, and show the jobs that their coordinator is alive."""
        absent = set[str]()
        for number in count():
            with suppress(OSError):
                self._alive.write_text(f"{time.time()}")
            is_asked = number % self.looks == 0
            queued = self._queued() if is_asked else set(self._running)
            for key, (job, on_outcome) in list(self._running.items()):
                is_over = key in absent - queued
                with suppress(OSError):  # of a file server; the system says whether the job is over
                    is_over = is_over or job.result.exists()
                if is_over:
                    del self._running[key]
                    hand_on(on_outcome, self.name, partial(_result, job))
            if is_asked:
                absent = set(self._running) - queued  # lost if it has no result when the system is asked again
            if self._closed.wait(_POLL):
                return

    def _queued(self) -> set[str]:
        """Return the jobs that run or wait to; all of them where that cannot be learned now."""
        with suppress(OSError, subprocess.SubprocessError):
            return self.queued([job for job, _ in list(self._running.values())])
        return set(self._running)

    def close(self) -> None:
        """Give the jobs that were canceled some seconds to end."""
        self._closed.set()
        last = time.monotonic() + _LAST_WORDS
        while self._running and self._queued() & set(self._running) and time.monotonic() < last:
            time.sleep(_POLL)


def _result(job: BatchJob) -> JobOutcome:
    """Return what came of a job, and remove its files but for its log."""
    try:
        if not job.result.exists():
            raise WorkerLost(f"its job {job.key} ended without a result; see {job.log}")
        return job.read()
    except OSError as error:
        raise WorkerLost(f"the result of its job {job.key} cannot be read: {error}") from None
    finally:
        for path in (job.given, job.result):
            with suppress(OSError):
                path.unlink()


def let_jobs_be_interrupted() -> None:
    """See to it that jobs that are processes of this machine do not ignore SIGINT where this process does.

    A shell that starts a command in the background has it ignored, which is inherited; a handler is not.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        with suppress(ValueError):  # this is not the main thread
            signal.signal(signal.SIGINT, lambda *_: None)


def done_in_batch(job: JobFunction, alive: Path, *, gpu: bool) -> JobOutcome:
    """Do a job in a process that a batch system has started for it.

    It is interrupted by the signals that such systems send before they kill, and if its coordinator is gone.

    Args:
        job: What is to be done.
        alive: A file whose content the coordinator changes all the time.
        gpu: Whether the process has a GPU.
    """
    ended_by, seen, since = list[str](), "", time.monotonic()

    def stop(number: int, frame: object) -> None:
        ended_by.append(signal.Signals(number).name)
        raise KeyboardInterrupt

    def is_wanted() -> bool:
        nonlocal seen, since
        with suppress(OSError):
            if (now := alive.read_text()) != seen:
                seen, since = now, time.monotonic()
        return time.monotonic() - since < _SILENCE

    signal.signal(signal.SIGTERM, stop)  # it is canceled, or makes way for another
    signal.signal(signal.SIGUSR2, stop)  # its time is nearly over
    outcome = done_while(is_wanted, job, gpu=gpu)
    if ended_by:
        return None, WorkerLost(f"its job was ended by {ended_by[0]}")
    try:
        ForkingPickler.dumps(outcome)
    except Exception as error:
        return None, RuntimeError(f"its result cannot be sent: {error}")
    return outcome
