"""Jobs on an executor: submitted, watched, taken up again where their worker is gone."""

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from archbuilder import __version__
from archbuilder.errors import ArchbuilderError
from archbuilder.executors.executor import InThisProcess, JobExecutor
from archbuilder.executors.worker import WorkerLost, worker_machine
from archbuilder.spec.writing import write_bytes
from archbuilder.study.reading import SerializedStudy
from archbuilder.study.study import Study
from archbuilder.training import Machine
from archbuilder.trials.jobs import Done, Failed, Job, NeedsFiles, Result, Run, attempt
from archbuilder.trials.runner import Objective, Runner

_STUDIES = 2  # whose images a process keeps, perhaps on its GPU
_LOSSES = 2  # of the process that does a job, after which it is given up
_POLL = 0.2  # seconds between two looks at the progress of other processes
PROGRESS = "progress"
"""The folder, in that of a study, in which workers write the epochs that they have trained."""
_EPOCH = re.compile(r"(\d+) ([-+.\de]+|nan|-?inf)")  # a line there
_SESSION = Path(PROGRESS) / "session"


@dataclass(frozen=True)
class RemoteRunner:
    """A study's runner in another process, which need not see the coordinator's folder.

    Two that compare as equal train alike: a process loads the study and its images once for both.
    """

    study: SerializedStudy  # as text: the blocks of a spec's own are classes that no process could be sent
    file: str  # what errors call the study's file
    path: Path | None  # where that is, beside which its data are
    latency: int | None  # the baseline's, if that is known
    folder: Path = field(compare=False)  # that of the study
    session: str = field(compare=False)  # what `progress/session` of the folder says: who reads it there sees it
    machine: Machine  # where networks are trained, unless the worker says otherwise
    images: tuple[tuple[str, str], ...]  # the fingerprints of the coordinator's
    weights: str | None  # the digest of those that the study starts from
    teacher: str | None  # the digest of that of the candidates
    objective: Objective | None = field(compare=False)  # the user's function, which this process imports
    version: str = __version__  # the coordinator's

    @classmethod
    def of(cls, study: Study, folder: Path, runner: Runner, machine: Machine) -> "RemoteRunner":
        """Describe the runner of a study to other processes."""
        session = secrets.token_hex(8)
        (folder / PROGRESS).mkdir(parents=True, exist_ok=True)
        write_bytes(folder / _SESSION, session.encode())
        images, weights = runner.identity
        teacher = None if runner.teacher is None else runner.teacher.record.sha256
        # Random search trains as its study does: a worker that has loaded that one's images loads none again.
        text, source = replace(SerializedStudy.of(study), is_random_search=False), study.source
        sorted_images = tuple(sorted(images.items()))
        place = source.name, source.path, study.latency, folder, session, machine
        return cls(text, *place, sorted_images, weights, teacher, runner.objective)

    def __call__(self, job: Job, files: dict[Path, bytes] | None = None) -> Result | NeedsFiles:
        """Do a job in this process, with the files that it needs if these were asked for."""
        if self._sees_folder():
            shown = self.folder / PROGRESS / job.name
            return attempt(job, self._runner(self.folder).run, partial(_write_progress, shown))
        if files is None and job.inputs:
            return NeedsFiles()
        with TemporaryDirectory(prefix="archbuilder-") as name:
            return self._apart(job, Path(name), files or {})

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
        loaded = _loaded(self)
        return loaded.beside(loaded.study, folder, self.objective)


@lru_cache(_STUDIES)
def _loaded(remote: RemoteRunner) -> Runner:
    """Load a study and its data in this process, once for all searches of it that a worker lives to see."""
    if remote.version != __version__:
        raise ArchbuilderError(
            f"a worker has archbuilder {__version__}, the coordinator {remote.version}: install the same version"
        )
    study = remote.study.read(remote.file, remote.path)
    study = study if remote.latency is None else study.with_latency(remote.latency)
    runner = Runner(study, remote.folder, worker_machine(remote.machine))
    if tuple(sorted(runner.identity[0].items())) != remote.images:
        raise ArchbuilderError(
            f"{study.settings.data}: a worker has other images than the coordinator; copy the coordinator's to it"
        )
    _check_teacher(runner, remote.teacher)
    return runner


def _check_teacher(runner: Runner, expected: str | None) -> None:
    """Check that this process has the teacher of the coordinator; raise an error that says what to copy."""
    settings = runner.study.train_settings.teacher
    if expected is None or settings is None:
        return
    advice = f"copy the coordinator's run to {settings.run} on every worker"
    try:
        found = runner.teacher
    except ArchbuilderError as error:
        raise ArchbuilderError(f"a worker cannot read the teacher: {error}\n  {advice}") from None
    if found is None or found.record.sha256 != expected:
        raise ArchbuilderError(f"teacher: {settings.run}: a worker has another teacher than the coordinator; {advice}")


def _write_progress(path: Path, epoch: int, accuracy: float) -> None:
    with suppress(OSError):  # it is only shown; what a full disk loses is told where a state is written
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{epoch} {accuracy!r}\n")


Remote = Callable[[Job, dict[Path, bytes] | None], Result | NeedsFiles]
"""Does a job in another process: a `RemoteRunner`."""

Watch = Callable[[Job, int, float], None]
"""Is called with a job, an epoch of it, and its validation accuracy."""


@dataclass
class _Given:
    """A job that is being done."""

    job: Job
    losses: int = 0  # of the process that does it
    with_files: bool = False
    shown: int = 0  # epochs of it


class Pool:
    """The jobs of a search that are being done."""

    def __init__(self, executor: JobExecutor, folder: Path, run: Run, remote: Remote | None = None) -> None:
        """Start with none; `run` does a job in this process, `remote` in another that the executor has."""
        self._executor, self._folder, self._run, self._remote = executor, folder, run, remote
        self._waiting: list[_Given] = []
        self._given: dict[Future[Any], _Given] = {}

    @property
    def busy(self) -> Sequence[Job]:
        """What is being done, or will be from the next `wait` on."""
        return [given.job for given in [*self._given.values(), *self._waiting]]

    @property
    def has_room(self) -> bool:
        """Whether more can be given."""
        return len(self._given) + len(self._waiting) < self._executor.max_workers

    def is_quiet(self, device: str) -> bool:
        """Whether nothing disturbs what an idle worker measures on a device, such as `auto`: its own, or the CPU."""
        return not self._given or (self._executor.is_undisturbed and device != "cpu")

    def give(self, job: Job) -> None:
        """Have a job done, from the next `wait` on: what is given together starts together."""
        self._waiting.append(_Given(job))

    def _start(self, given: _Given, watch: Watch) -> None:
        job = given.job
        if isinstance(self._executor, InThisProcess):
            future: Future[Any] = self._executor.submit(attempt, job, self._run, partial(watch, job))
        else:
            assert self._remote is not None
            self._progress_of(job).unlink(missing_ok=True)
            try:
                files = {path: (self._folder / path).read_bytes() for path in job.inputs} if given.with_files else None
            except FileNotFoundError as error:
                future = Future()
                future.set_result(Failed("state lost", f"{error.filename}: no such file"))
            else:
                future = self._executor.submit(self._remote, job, files)
        self._given[future] = given

    def wait(self, watch: Watch) -> Iterator[tuple[Job, Result]]:
        """Wait until some jobs are done, or for a moment; return these in the order in which they were given.

        An ArchbuilderError is raised if a worker cannot start, or has another version or other images.
        """
        while self._waiting:
            self._start(self._waiting.pop(0), watch)
        done, _ = wait(self._given, timeout=_POLL, return_when=FIRST_COMPLETED)
        for future, given in list(self._given.items()):
            if self._remote is not None:
                self._show(given, watch)
            if future in done:
                del self._given[future]
                result = self._taken(future, given)
                if result is not None:
                    yield given.job, result

    def _taken(self, future: Future[Any], given: _Given) -> Result | None:
        """Return the result of a job; None if it begins again."""
        try:
            result: Result | NeedsFiles = future.result()
        except WorkerLost as error:
            losses = given.losses + error.is_fault_of_job
            if losses >= _LOSSES:
                return Failed("process lost", error.reason)
            self._waiting.append(_Given(given.job, losses))
            return None
        if isinstance(result, NeedsFiles):
            self._waiting.append(_Given(given.job, given.losses, with_files=True))
            return None
        if isinstance(result, Done):
            for path, content in result.files.items():
                (self._folder / path).parent.mkdir(parents=True, exist_ok=True)
                write_bytes(self._folder / path, content)
        return result

    def _show(self, given: _Given, watch: Watch) -> None:
        """Show the epochs that another process has written down."""
        lines = list[str]()
        with suppress(OSError):
            lines = self._progress_of(given.job).read_text().split("\n")[:-1]
        for line in lines[given.shown :]:
            if found := _EPOCH.fullmatch(line):  # of a full disk it may be two halves
                watch(given.job, int(found[1]), float(found[2]))
        given.shown = max(given.shown, len(lines))

    def _progress_of(self, job: Job) -> Path:
        return self._folder / PROGRESS / job.name
