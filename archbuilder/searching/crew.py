"""Who does the work of a search: this process, or several others that each take a candidate at a time."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from typing import Protocol

import torch

from archbuilder.data.subprocesses import process_context
from archbuilder.errors import ArchbuilderError
from archbuilder.plugins import load_plugins
from archbuilder.runs import OutOfMemory
from archbuilder.runs.memory import is_out_of_memory
from archbuilder.searching.fitting import Fitter, Tell
from archbuilder.searching.work import Report, Work, WorkError, WorkFailed, WorkLost
from archbuilder.study.serialized import SerializedStudy
from archbuilder.study.study import Study
from archbuilder.training import Machine, TrainingDiverged, torch_threads

_FAILURES = (TrainingDiverged, OutOfMemory)
_NAME, _READY = "archbuilder-worker", "ready"
_LAST_WORDS = 10.0  # seconds for a process whose pipe is closed to end by itself
_GUARD = 'a script must search with several workers below `if __name__ == "__main__":`, as each process imports it'


def check_in_no_worker() -> None:
    """Check that this is none of the processes that a search has started.

    Raises:
        ArchbuilderError: It is, and what it imports begins the search anew.
    """
    if multiprocessing.current_process().name == _NAME:
        raise ArchbuilderError(_GUARD)


class Doer(Protocol):
    """Does some work: a `Fitter`, or what stands for one."""

    def do(self, work: Work, tell: Tell) -> None:
        """Do it, and tell how it goes."""


class Crew(Protocol):
    """Does work."""

    @property
    def busy(self) -> Sequence[Work]:
        """What is being done."""

    @property
    def has_room(self) -> bool:
        """Whether more can be given."""

    def give(self, work: Work) -> None:
        """Give something to be done; there must be room."""

    def wait(self, tell: Tell) -> None:
        """Wait until something can be told, and tell it."""


class OwnProcess:
    """This process does it itself, one thing after the other."""

    def __init__(self, doer: Doer, threads: int | None) -> None:
        """Let somebody do it here, with so many threads; None leaves their number as it is."""
        self._doer, self._threads = doer, threads
        self._given: list[Work] = []

    @property
    def busy(self) -> Sequence[Work]:
        """What is to be done."""
        return self._given

    @property
    def has_room(self) -> bool:
        """Whether nothing is given yet."""
        return not self._given

    def give(self, work: Work) -> None:
        """Give the next thing."""
        self._given = [work]

    def wait(self, tell: Tell) -> None:
        """Do it."""
        (work,) = self._given
        with torch_threads(self._threads):
            _attempt(self._doer, work, tell)
        self._given = []


def _attempt(doer: Doer, work: Work, tell: Tell) -> None:
    """Do some work, and tell of its failure if it fails by what it is.

    What goes wrong where it is told, such as a journal that cannot be written, is no failure of the work.
    """
    raised: list[Exception] = []

    def telling(report: Report) -> None:
        try:
            tell(report)
        except Exception as error:
            raised.append(error)
            raise

    try:
        doer.do(work, telling)
    except WorkError as error:
        tell(WorkFailed(work, error.kind, error.reason))
    except Exception as error:
        if raised or (isinstance(error, ArchbuilderError) and not isinstance(error, _FAILURES)):
            raise
        tell(_failure(work, error))


def _failure(work: Work, error: Exception) -> WorkFailed:
    if isinstance(error, TrainingDiverged):
        return WorkFailed(work, "diverged", str(error))
    is_memory = isinstance(error, OutOfMemory) or is_out_of_memory(error)
    kind = "out of memory" if is_memory else type(error).__name__
    said = str(error).strip() or kind
    return WorkFailed(work, kind, said if isinstance(error, OutOfMemory) else said.splitlines()[0])


class Workers:
    """Processes of this machine, each with its share of the threads and a device of its own."""

    def __init__(self, study: Study, folder: Path, machines: Sequence[Machine], threads: int) -> None:
        """Say what they are to be; each is started when there is something for it to do.

        Args:
            study: The study.
            folder: Its folder.
            machines: One for each.
            threads: How many threads each has.
        """
        context = process_context(__name__)
        readers = [max(1, machine.workers // len(machines)) if machine.workers else 0 for machine in machines]
        self._machines = [replace(machine, workers=count) for machine, count in zip(machines, readers, strict=True)]
        self._start: Callable[[Machine], _Worker] = lambda machine: _Worker(context, study, folder, machine, threads)
        self._workers: list[_Worker | None] = [None] * len(machines)

    @property
    def busy(self) -> Sequence[Work]:
        """What is being done."""
        return [worker.work for worker in self._workers if worker is not None and worker.work is not None]

    @property
    def has_room(self) -> bool:
        """Whether a process has nothing to do."""
        return len(self.busy) < len(self._workers)

    def give(self, work: Work) -> None:
        """Give the first idle process something to do."""
        number = next(n for n, worker in enumerate(self._workers) if worker is None or worker.work is None)
        worker = self._workers[number] or self._start(self._machines[number])
        self._workers[number] = worker
        worker.give(work)

    def wait(self, tell: Tell) -> None:
        """Wait for the processes at work, and tell what they say; one that is gone makes room for another.

        Raises:
            ArchbuilderError: One cannot even start; or what one of them raised.
        """
        working = {worker.pipe: worker for worker in self._workers if worker is not None and worker.work is not None}
        for pipe in wait(list(working)):
            assert isinstance(pipe, Connection)
            worker = working[pipe]
            work = worker.work
            assert work is not None
            try:
                report = pipe.recv()
            except (EOFError, ConnectionResetError):
                self._workers[self._workers.index(worker)] = None
                reason = worker.end(_LAST_WORDS)
                if worker.has_failed_to_start:
                    raise ArchbuilderError(
                        f"{reason} before it could train: its output is above\n"
                        f"  if a script of yours runs this search: {_GUARD}"
                    ) from None
                tell(WorkLost(work, reason))
                continue
            if report == _READY:
                worker.is_ready = True
            elif isinstance(report, _Told):
                tell(report.report)
            else:
                worker.work = None
                if report is not None:
                    raise report

    def stop(self) -> None:
        """End the processes, whatever they are doing."""
        for worker in self._workers:
            if worker is not None:
                worker.end()


class _Told:
    """A report on its way through a pipe. Before all comes _READY; the end of the work is None, or what was raised."""

    def __init__(self, report: Report) -> None:
        self.report = report


class _Worker:
    """A process that waits for work."""

    def __init__(
        self,
        context: ForkServerContext | SpawnContext,
        study: Study,
        folder: Path,
        machine: Machine,
        threads: int,
    ) -> None:
        self.pipe, theirs = context.Pipe()
        self.work: Work | None = None
        self.is_ready = False
        # As text: the classes that blocks of a spec's own become are nothing that another process could be sent.
        arguments = (
            theirs,
            SerializedStudy.of(study),
            study.source.name,
            study.source.path,
            study.latency,
            folder,
            machine,
            threads,
        )
        # No daemon: it may start processes of its own, that read images. It ends with this process all the same.
        self._process = context.Process(target=_serve, args=arguments, daemon=False, name=_NAME)
        self._process.start()
        theirs.close()

    def give(self, work: Work) -> None:
        """Give it something to do."""
        self.work = work
        with suppress(BrokenPipeError, ConnectionResetError):  # it is gone, which shows when it is waited for
            self.pipe.send(work)

    @property
    def has_failed_to_start(self) -> bool:
        """Whether it has ended by itself before it was ready; one that was killed may have more luck next time."""
        code = self._process.exitcode
        return not self.is_ready and code is not None and code > 0

    def end(self, patience: float = 0.0) -> str:
        """End it; give how it ended.

        Args:
            patience: For how many seconds it may end by itself.
        """
        self._process.join(patience)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        self.pipe.close()
        code = self._process.exitcode
        assert code is not None
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with status {code}"


def _serve(
    pipe: Connection,
    serialized: SerializedStudy,
    file: str,
    path: Path | None,
    latency: int | None,
    folder: Path,
    machine: Machine,
    threads: int,
) -> None:
    """Do what comes through the pipe, until the process at the other end is gone."""
    _end_with_parent()
    load_plugins()  # those of the environment, where the command line has noted its own
    # Ctrl-C reaches every process of a terminal: the one that was started says what is to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setsid"):
        os.setsid()
    torch.set_num_threads(threads)
    study = serialized.read(file, path)
    fitter = Fitter(study if latency is None else study.with_latency(latency), folder, machine)
    pipe.send(_READY)
    while True:
        try:
            work = pipe.recv()
        except EOFError:
            return
        problem: BaseException | None = None
        try:
            _attempt(fitter, work, lambda report: pipe.send(_Told(report)))
        except ArchbuilderError as error:
            problem = ArchbuilderError(str(error))
        pipe.send(problem)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def crew_of(study: Study, folder: Path, machines: Sequence[Machine], doer: Doer) -> Iterator[Crew]:
    """Give who does the work: this process for one machine, as many others for several.

    Args:
        study: The study.
        folder: Its folder.
        machines: Where networks are trained: one for each that is trained at a time.
        doer: Does it in this process.
    """
    threads = study.settings.search.threads
    if len(machines) == 1:
        yield OwnProcess(doer, threads)
        return
    workers = Workers(study, folder, machines, threads or max(1, torch.get_num_threads() // len(machines)))
    try:
        yield workers
    finally:
        workers.stop()
