"""The Optuna study of a search opened: by the one process that coordinates it, or to be read."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage

from archbuilder.errors import ArchbuilderError
from archbuilder.searching.setup import check_setup, setup_of
from archbuilder.searching.stored import StoredStudy
from archbuilder.storage import (
    JOURNAL,
    STORAGE,
    StorageError,
    claimed,
    has_study,
    hold,
    holder,
    ignore,
    open_storage,
    quiet_optuna,
    remember,
    storage_of,
)
from archbuilder.study.reading import SerializedStudy
from archbuilder.study.study import Study
from archbuilder.trials.trial import TRAINING

RANDOM_SEARCH = "versus-random"
"""The folder of the random search that a study is compared with, within its own."""
_SOURCES, _SETUP = "sources", "setup"


@contextmanager
def open_stored(
    study: Study, folder: Path, url: str | None = None, tell: Callable[[str], None] = ignore
) -> Iterator[StoredStudy]:
    """Open the Optuna study of a search, or start one. One that is refused before it began leaves nothing.

    Args:
        study: The study.
        folder: Its folder; made if need be.
        url: The database that it is in; None for the one that it was begun in, or the journal file in its folder.
        tell: Is called with a sentence when the connection to a database is lost, and when it is there again.

    Raises:
        ArchbuilderError: Another process coordinates it, it is another study of this name, it is damaged, or the folder
            or the database cannot be written to.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    is_known = storage_of(folder) is not None  # the folder says in which database the study is
    url, name, is_refused = storage_of(folder, url), _name(study), False
    with quiet_optuna():
        try:
            with ExitStack() as open_things:
                storage = open_storage(url, folder, must_exist=is_known, tell=tell)
                if is_known and name not in optuna.get_all_study_names(storage):
                    lost = f"{folder}: its study is no longer in {storage_of(folder)}"
                    raise ArchbuilderError(f"{lost}; restore it there, or delete {folder} to start over")
                if url is not None and holder(storage, name, folder) is None and _has_unused(storage, name):
                    with claimed(storage, name) as held:  # who had it may only have been silent
                        _forget_unused(storage, held.study_id)
                held = open_things.enter_context(hold(storage, name, folder))
                remember(folder, url)
                if url is None and _forget_unused(storage, held.study_id):
                    optuna.create_study(study_name=name, storage=storage, direction="maximize")
                stored = _begun(StoredStudy(folder, storage, name, study), study)
                try:
                    yield stored
                except StorageError:  # the same command resumes; or the study is another process's now
                    raise
                except ArchbuilderError:
                    is_refused = _has_unused(storage, name) if url is None else _forget_unused(storage, held.study_id)
                    raise
        finally:
            if is_refused:
                _remove(folder, made)


def _begun(stored: StoredStudy, study: Study) -> StoredStudy:
    """Write which study it is, or check that it is the same; finish what a killed process left."""
    if stored.get(_SETUP) is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            # What Optuna's plots and dashboard write at their axes, in place of "Objective Value".
            stored.optuna.set_metric_names([study.settings.objective.maximize])
        stored.put(_SOURCES, asdict(SerializedStudy.of(study)))
        stored.put(_SETUP, setup_of(study))
    check_setup(stored.get(_SETUP), study, stored.folder)
    stored.settle()
    return stored


def _name(study: Study) -> str:
    """Return the name of a search in its storage."""
    return f"{study.name}/{RANDOM_SEARCH}" if study.is_random_search else study.name


def _has_unused(storage: BaseStorage, name: str) -> bool:
    is_there = name in optuna.get_all_study_names(storage)
    return is_there and _is_unused(storage, storage.get_study_id_from_name(name))


def _is_unused(storage: BaseStorage, study_id: int) -> bool:
    """Return whether a study was ended before anything was trained, as one is that was wrong."""
    trials = storage.get_all_trials(study_id, deepcopy=False)
    is_begun = any(trial.user_attrs.get(TRAINING) or trial.state.is_finished() for trial in trials)
    return len(trials) <= 1 and not is_begun


def _forget_unused(storage: BaseStorage, study_id: int) -> bool:
    """Delete a study that this process holds, if nothing was trained; return whether it was."""
    try:
        is_unused = _is_unused(storage, study_id)
    except KeyError:  # another process has replaced it by its own
        return False
    if is_unused:
        storage.delete_study(study_id)
    return is_unused


def _remove(folder: Path, made: Sequence[Path]) -> None:
    """Remove a study that was refused before it began, such as one whose budget no candidate can reach.

    Args:
        folder: The folder of the study.
        made: The folders that were created for it, the innermost first; they are removed if nothing else is in them.
    """
    if folder in made and {path.name for path in folder.iterdir()} - {JOURNAL, STORAGE, "lock"}:
        return  # its baseline was trained and failed
    for name in (JOURNAL, STORAGE):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # Windows removes no open file, and another process may have put something there
        (folder / "lock").unlink()
        for place in made:
            place.rmdir()


def read_stored(folder: Path) -> StoredStudy:
    """Read the Optuna study of a search that may be running; nothing is written, and the file is the one it began with.

    Raises:
        ArchbuilderError: There is none, or it is damaged.
    """
    if not has_study(folder):
        raise ArchbuilderError(f"{folder}: no study here; run_study writes one into a folder of its name")
    with quiet_optuna():
        url = storage_of(folder)
        storage = open_storage(url, folder, must_exist=True)
        names = {folder.name, f"{folder.absolute().parent.name}/{folder.name}"}
        for kept in storage.get_all_studies():
            is_begun = {_SOURCES, _SETUP} <= kept.user_attrs.keys()
            if is_begun and (url is None or kept.study_name in names):  # a journal file holds one
                file = f"{kept.study_name.partition('/')[0]}.yaml"
                study = SerializedStudy(**kept.user_attrs[_SOURCES]).read(file)
                return StoredStudy(folder, storage, kept.study_name, study)
    raise ArchbuilderError(f"{folder}: its study has no entries yet")
