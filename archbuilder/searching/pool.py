"""Jobs on an executor: submitted, watched, taken up again where their worker is gone."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from archbuilder import __version__
from archbuilder.errors import ArchbuilderError
from archbuilder.searching.executors import InThisProcess, JobExecutor
from archbuilder.searching.jobs import Done, Failed, Job, NeedsFiles
from archbuilder.searching.runner import Run, Runner, attempt
from archbuilder.searching.worker import WorkerLost, worker_machine
from archbuilder.spec.writing import write_bytes
from archbuilder.study.serialized import SerializedStudy
from archbuilder.study.study import Study
from archbuilder.training import Machine

_LOSSES = 2  # of the process that does a job, after which it is given up
_POLL = 0.2  # seconds between two looks at the progress of other processes
PROGRESS = "progress"
"""The folder, in that of a study, in which workers write the epochs that they have trained."""
_SESSION = Path(PROGRESS) / "session"

Result = Done | Failed


@dataclass(frozen=True)
class RemoteRunner:
    """A study's runner in another process, which need not see the coordinator's folder.

    Attributes:
        study: The study as text: the blocks of a spec's own are classes that no process could be sent.
        file: What errors call its file.
        path: The file that it was read from, beside which its data are.
        latency: The baseline's latency in microseconds, if that is known.
        folder: The folder of the study.
        session: What the file `progress/session` of the folder says: who reads it there sees the folder.
        machine: Where networks are trained, unless the worker says otherwise.
        images: The fingerprints of the coordinator's images.
        version: The coordinator's version of archbuilder.
    """

    study: SerializedStudy
    file: str
    path: Path | None
    latency: int | None
    folder: Path
    session: str
    machine: Machine
    images: tuple[tuple[str, str], ...]
    version: str = __version__

    @classmethod
    def of(cls, study: Study, folder: Path, runner: Runner, machine: Machine) -> "RemoteRunner":
        """Describe the runner of a study to other processes."""
        session = secrets.token_hex(8)
        (folder / PROGRESS).mkdir(parents=True, exist_ok=True)
        write_bytes(folder / _SESSION, session.encode())
        images = tuple(sorted(runner.data.fingerprints().items()))
        text = SerializedStudy.of(study)
        return cls(text, study.source.name, study.source.path, study.latency, folder, session, machine, images)

    def __call__(self, job: Job, files: dict[Path, bytes] | None = None) -> Result | NeedsFiles:
        """Do a job in this process.

        Args:
            job: What is to be done.
            files: The files that it needs, if they have been asked for.

        Raises:
            ArchbuilderError: This process has another version, or other images.
        """
        try:
            if self._sees_folder():
                shown = self.folder / PROGRESS / job.name
                return attempt(job, self._runner(self.folder).run, partial(_write_progress, shown))
            if files is None and job.inputs:
                return NeedsFiles()
            with TemporaryDirectory(prefix="archbuilder-") as name:
                return self._apart(job, Path(name), files or {})
        except ArchbuilderError as error:  # as text: not every one can be sent
            raise ArchbuilderError(str(error)) from None

    def _apart(self, job: Job, folder: Path, files: dict[Path, bytes]) -> Result:
        """Do a job in a folder of its own, and return the files that it wrote."""
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        result = attempt(job, self._runner(folder).run, lambda epoch, accuracy: None)
        if isinstance(result, Failed):
            return result
        written = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
        return replace(result, files={name: path.read_bytes() for name, path in written.items() if name not in files})

    def _sees_folder(self) -> bool:
        try:
            return (self.folder / _SESSION).read_text() == self.session
        except OSError:
            return False

    def _runner(self, folder: Path) -> Runner:
        return _loaded(self).beside(_loaded(self).study, folder)


@cache
def _loaded(remote: RemoteRunner) -> Runner:
    """Load a study and its data in this process, once."""
    if remote.version != __version__:
        raise ArchbuilderError(
            f"a worker has archbuilder {__version__}, the coordinator {remote.version}: install the same version"
        )
    study = remote.study.read(remote.file, remote.path)
    study = study if remote.latency is None else study.with_latency(remote.latency)
    runner = Runner(study, remote.folder, worker_machine(remote.machine))
    if tuple(sorted(runner.data.fingerprints().items())) != remote.images:
        raise ArchbuilderError(
            f"{study.settings.data}: a worker has other images than the coordinator; copy the coordinator's to it"
        )
    return runner


def _write_progress(path: Path, epoch: int, accuracy: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(f"{epoch} {accuracy!r}\n")


Remote = Callable[[Job, dict[Path, bytes] | None], Result | NeedsFiles]
"""Does a job in another process: a `RemoteRunner`."""

Watch = Callable[[Job, int, float], None]
"""Is called with a job, an epoch of it, and its validation accuracy."""


class Pool:
    """The jobs of a search that are being done."""

    def __init__(self, executor: JobExecutor, folder: Path, run: Run, remote: Remote | None = None) -> None:
        """Start with none.

        Args:
            executor: Does them.
            folder: The folder of the study.
            run: Does a job in this process.
            remote: Does a job in another.
        """
        self._executor, self._folder, self._run, self._remote = executor, folder, run, remote
        self._futures: dict[Future[Any], Job] = {}
        self._losses: dict[str, int] = {}
        self._shown: dict[str, int] = {}

    @property
    def busy(self) -> Sequence[Job]:
        """What is being done."""
        return list(self._futures.values())

    @property
    def has_room(self) -> bool:
        """Whether more can be given."""
        return len(self._futures) < self._executor.max_workers

    def give(self, job: Job, watch: Watch, *, with_files: bool = False) -> None:
        """Have a job done."""
        if isinstance(self._executor, InThisProcess):
            future: Future[Any] = self._executor.submit(attempt, job, self._run, partial(watch, job))
        else:
            assert self._remote is not None
            self._progress_of(job).unlink(missing_ok=True)
            self._shown[job.name] = 0
            files = {path: (self._folder / path).read_bytes() for path in job.inputs} if with_files else None
            future = self._executor.submit(self._remote, job, files)
        self._futures[future] = job

    def wait(self, watch: Watch) -> Iterator[tuple[Job, Result]]:
        """Wait until some jobs are done, or for a moment; return these in the order in which they were given.

        Raises:
            ArchbuilderError: A worker cannot start, or has another version or other images.
        """
        done, _ = wait(self._futures, timeout=_POLL, return_when=FIRST_COMPLETED)
        for future, job in list(self._futures.items()):
            self._show(job, watch)
            if future in done:
                del self._futures[future]
                result = self._taken(future, job, watch)
                if result is not None:
                    yield job, result

    def _taken(self, future: Future[Any], job: Job, watch: Watch) -> Result | None:
        try:
            result: Result | NeedsFiles = future.result()
        except WorkerLost as error:
            self._losses[job.name] = self._losses.get(job.name, 0) + error.is_fault_of_job
            if self._losses[job.name] >= _LOSSES:
                return Failed("process lost", error.reason)
            self.give(job, watch)
            return None
        if isinstance(result, NeedsFiles):
            self.give(job, watch, with_files=True)
            return None
        if isinstance(result, Done):
            for path, content in result.files.items():
                (self._folder / path).parent.mkdir(parents=True, exist_ok=True)
                write_bytes(self._folder / path, content)
        return result

    def _show(self, job: Job, watch: Watch) -> None:
        """Show the epochs that another process has written down."""
        if job.name in self._shown and (path := self._progress_of(job)).is_file():
            lines = path.read_text().split("\n")[:-1]
            for line in lines[self._shown[job.name] :]:
                epoch, accuracy = line.split()
                watch(job, int(epoch), float(accuracy))
            self._shown[job.name] = len(lines)

    def _progress_of(self, job: Job) -> Path:
        return self._folder / PROGRESS / job.name
