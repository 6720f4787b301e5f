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
from archbuilder.searching.journal import Journal
from archbuilder.searching.setup import check_setup, setup_of
from archbuilder.storage import (
    JOURNAL,
    STORAGE,
    JournalWriteError,
    has_study,
    hold,
    holder,
    open_storage,
    remember,
    storage_of,
)
from archbuilder.study.serialized import SerializedStudy
from archbuilder.study.study import Study

RANDOM_SEARCH = "versus-random"
"""The folder of the random search that a study is compared with, within its own."""
_SOURCES, _SETUP = "sources", "setup"


def ignore(sentence: str) -> None:
    """Show nothing."""


@contextmanager
def open_journal(
    study: Study, folder: Path, url: str | None = None, tell: Callable[[str], None] = ignore
) -> Iterator[Journal]:
    """Open the Optuna study of a search, or start one.

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
                if url is not None and holder(storage, name, folder) is None:
                    _forget_unused(storage, name)
                open_things.enter_context(hold(storage, name, folder))
                remember(folder, url)
                if url is None and _forget_unused(storage, name):
                    optuna.create_study(study_name=name, storage=storage, direction="maximize")
                journal = Journal(folder, storage, name, study)
                if journal.get(_SETUP) is None:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", ExperimentalWarning)
                        # What Optuna's plots and dashboard write at their axes, in place of "Objective Value".
                        journal.optuna.set_metric_names([study.settings.objective.maximize])
                    journal.put(_SOURCES, asdict(SerializedStudy.of(study)))
                    journal.put(_SETUP, setup_of(study))
                check_setup(journal.get(_SETUP), study, folder)
                journal.settle()
                try:
                    yield journal
                except JournalWriteError:  # a full disk: the same command resumes
                    raise
                except ArchbuilderError:
                    is_refused = journal.is_unused
                    raise
        finally:
            if is_refused:
                if url is not None:
                    optuna.delete_study(study_name=name, storage=storage)
                _remove(folder, made)


def _name(study: Study) -> str:
    """Return the name of a search in its storage."""
    return f"{study.name}/{RANDOM_SEARCH}" if study.is_random_search else study.name


def _forget_unused(storage: BaseStorage, name: str) -> bool:
    """Delete a study that was ended before anything was trained, as one is that was wrong; return whether it was."""
    if name not in optuna.get_all_study_names(storage):
        return False
    study_id = storage.get_study_id_from_name(name)
    trials = storage.get_all_trials(study_id, deepcopy=False)
    is_unused = len(trials) <= 1 and not any(trial.user_attrs.get("rungs") for trial in trials)
    if is_unused and not any(trial.state.is_finished() for trial in trials):
        storage.delete_study(study_id)
        return True
    return False


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


def read_journal(folder: Path) -> Journal:
    """Read the Optuna study of a search that may be running; nothing is written, and the file is the one it began with.

    Raises:
        ArchbuilderError: There is none, or it is damaged.
    """
    if not has_study(folder):
        raise ArchbuilderError(f"{folder}: no study here; run_study writes one into a folder of its name")
    with quiet_optuna():
        url = storage_of(folder)
        storage = open_storage(url, folder, must_exist=True)
        parent = folder.absolute().parent.name
        names = {folder.name, f"{parent}/{folder.name}"}
        begun = [
            kept
            for kept in storage.get_all_studies()
            if {_SOURCES, _SETUP} <= kept.user_attrs.keys() and (url is None or kept.study_name in names)
        ]
        if not begun:
            raise ArchbuilderError(f"{folder}: its study has no entries yet")
        (kept,) = begun
        study = SerializedStudy(**kept.user_attrs[_SOURCES]).read(f"{kept.study_name.partition('/')[0]}.yaml")
        return Journal(folder, storage, kept.study_name, study)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from telling what it does: archbuilder tells it in its own words."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
