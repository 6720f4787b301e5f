"""One coordinator a study, kept so by its storage: a file lock beside a journal file, a claim in a database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from archbuilder.errors import system_advice
from archbuilder.runs.lock import held, is_held
from archbuilder.storage.claim import CLAIM, TIMING, Claim, Holder, Timing, holder_of, is_alive
from archbuilder.storage.database import DatabaseStorage
from archbuilder.storage.journal_file import StorageError, mend

COPY = "copied from"
"""The user attribute of a study that was copied: from where, and whether the copy is complete."""


@dataclass(frozen=True)
class Coordinator:
    """The right to write a study.

    Attributes:
        study_id: The number of the study in its storage.
        check: Raises `StorageError` if another process coordinates the study now, since this one was silent for too
            long. Databases ask it before each write by themselves.
    """

    study_id: int
    check: Callable[[], None]


@contextmanager
def hold(
    storage: BaseStorage,
    study_name: str,
    folder: Path,
    *,
    directions: Sequence[StudyDirection] = (StudyDirection.MAXIMIZE,),
    timing: Timing = TIMING,
) -> Iterator[Coordinator]:
    """Hold a study while the body runs; create it if need be, and mend its folder after a killed process.

    Args:
        storage: From `open_storage`.
        study_name: The study's name in it.
        folder: The folder of the study; created if need be.
        directions: Those of a new study.
        timing: Of a claim in a database.

    Raises:
        ArchbuilderError: Another process holds it; with its host and process number.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(folder / "lock", f"{study_name} in {folder}"))
            mend(folder)
        except OSError as error:
            raise StorageError(f"{error.filename or folder}: {error.strerror or error}{system_advice(error)}") from None
        yield stack.enter_context(claimed(storage, study_name, directions=directions, timing=timing))


@contextmanager
def claimed(
    storage: BaseStorage,
    study_name: str,
    *,
    directions: Sequence[StudyDirection] = (StudyDirection.MAXIMIZE,),
    timing: Timing = TIMING,
) -> Iterator[Coordinator]:
    """Hold a study in a database, as `hold` does, without the folder; a journal file has no claims."""
    try:
        study_id = storage.get_study_id_from_name(study_name)
    except KeyError:
        try:
            study_id = storage.create_new_study(directions, study_name)
        except DuplicatedStudyError:  # by one that began at the same time
            study_id = storage.get_study_id_from_name(study_name)
    copied = storage.get_study_user_attrs(study_id).get(COPY)
    if copied is not None and not copied["complete"]:
        raise StorageError(f"{study_name} is an unfinished copy from {copied['storage']}: move the study again")
    if not isinstance(storage, DatabaseStorage):
        yield Coordinator(study_id, lambda: None)
        return
    claim = Claim(storage, study_id, study_name, timing)
    claim.begin()
    storage.guards.append(claim.verify)
    try:
        yield Coordinator(study_id, claim.check)
    finally:
        storage.guards.remove(claim.verify)
        claim.end()


def holder(storage: BaseStorage, study_name: str, folder: Path, timing: Timing = TIMING) -> Holder | None:
    """Return the process that coordinates a study, or None. Nothing is written."""
    if not isinstance(storage, DatabaseStorage):
        lock = folder / "lock"
        return Holder(int(lock.read_text(encoding="utf-8")[:20].strip() or 0)) if is_held(lock) else None
    try:
        study_id = storage.get_study_id_from_name(study_name)
    except KeyError:
        return None
    claim = storage.get_study_user_attrs(study_id).get(CLAIM)
    return holder_of(claim) if claim is not None and is_alive(claim, timing) else None


def is_running(storage: BaseStorage, study_name: str, folder: Path) -> bool:
    """Return whether a process coordinates a study."""
    return holder(storage, study_name, folder) is not None
