"""The journal of a study opened: by the one process that goes on with it, or to be read."""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage

from archbuilder.errors import ArchbuilderError, system_advice
from archbuilder.runs.lock import held
from archbuilder.searching.backend import JournalFile, JournalWriteError, check_lines, damaged
from archbuilder.searching.journal import Journal
from archbuilder.searching.setup import check_setup, setup_of
from archbuilder.study.serialized import SerializedStudy
from archbuilder.study.study import Study

JOURNAL = "journal.log"
_SOURCES, _SETUP = "sources", "setup"
_UNFINISHED = re.compile(r"\..+\.(yaml|csv|html|safetensors|jsonl)\.[a-z0-9_]{8}")  # by `write_whole`, when killed


@contextmanager
def open_journal(study: Study, folder: Path) -> Iterator[Journal]:
    """Open the journal of a study, or start one.

    Args:
        study: The study.
        folder: Its folder; made if need be.

    Raises:
        ArchbuilderError: Another process has it open, it holds another study, it is damaged, or the folder cannot be
            written to.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    with ExitStack() as open_things:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            open_things.enter_context(held(folder / "lock", f"{study.name} in {folder}"))
            open_things.enter_context(quiet_optuna())
            journal = _open(study, folder)
            if journal.is_unused and journal.get(_SETUP) is not None:
                journal = _begun_anew(study, folder)
        except OSError as error:
            raise ArchbuilderError(
                f"{error.filename or folder}: {error.strerror or error}{system_advice(error)}"
            ) from None
        if journal.get(_SETUP) is None:
            journal.put(_SOURCES, asdict(SerializedStudy.of(study)))
            journal.put(_SETUP, setup_of(study))
        check_setup(journal.get(_SETUP), study, folder)
        journal.settle()
        is_refused = False
        try:
            yield journal
        except JournalWriteError:  # a full disk: the same command resumes
            raise
        except ArchbuilderError:
            is_refused = journal.is_unused
            raise
        finally:
            if is_refused:
                _remove(folder, made)


def _remove(folder: Path, made: Sequence[Path]) -> None:
    """Remove a study that was refused before it began, such as one whose budget no candidate can reach.

    Args:
        folder: The folder of the study.
        made: The folders that were created for it, the innermost first; they are removed if nothing else is in them.
    """
    if folder in made and {path.name for path in folder.iterdir()} - {JOURNAL, "lock"}:
        return  # its baseline was trained and failed
    (folder / JOURNAL).unlink(missing_ok=True)
    with suppress(OSError):  # Windows removes no open file, and another process may have put something there
        (folder / "lock").unlink()
        for place in made:
            place.rmdir()


def read_journal(folder: Path) -> Journal:
    """Read the journal of a study that may be running; nothing is written, and the study is the one it began with.

    Raises:
        ArchbuilderError: There is none, or it is damaged.
    """
    path = folder / JOURNAL
    if not path.is_file():
        raise ArchbuilderError(f"{folder}: no study here; run_study writes one into a folder of its name")
    with quiet_optuna(), _located(path):
        check_lines(path)
        storage = JournalStorage(JournalFile(path))
        begun = [kept for kept in storage.get_all_studies() if {_SOURCES, _SETUP} <= kept.user_attrs.keys()]
        if not begun:
            raise ArchbuilderError(f"{folder}: its study has no entries yet")
        (kept,) = begun
        study = SerializedStudy(**kept.user_attrs[_SOURCES]).read(f"{kept.study_name}.yaml")
        return Journal(folder, storage, kept.study_name, study)


def _open(study: Study, folder: Path) -> Journal:
    path = folder / JOURNAL
    _mend(path)
    with _located(path):
        if path.exists():
            check_lines(path)
        storage = JournalStorage(JournalFile(path))
        _create(storage, study)
        return Journal(folder, storage, study.name, study)


def _begun_anew(study: Study, folder: Path) -> Journal:
    """Forget a study that was ended before anything was trained, as one is that was wrong."""
    (folder / JOURNAL).unlink()
    return _open(study, folder)


@contextmanager
def _located(path: Path) -> Iterator[None]:
    try:
        yield
    except ArchbuilderError:
        raise
    except (ValueError, KeyError, TypeError) as error:  # what Optuna raises for lines that are none of its own
        raise ArchbuilderError(damaged(path, error)) from None


def _create(storage: JournalStorage, study: Study) -> None:
    """Create Optuna's study, if it is not there."""
    if study.name in optuna.get_all_study_names(storage):
        return
    created = optuna.create_study(study_name=study.name, storage=storage, direction="maximize")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # What Optuna's own plots and dashboard write at their axes, in place of "Objective Value".
        created.set_metric_names([study.settings.objective.maximize])


def _mend(path: Path) -> None:
    """Remove what a process leaves behind that was killed while it wrote.

    Optuna would wait half a minute for the lock of a process that is gone, and a line without its end would run
    into the next one and make the whole journal unreadable.
    """
    written = (path for place in (path.parent.glob(".*"), path.parent.glob("finals/**/.*")) for path in place)
    unfinished = [path for path in written if _UNFINISHED.fullmatch(path.name)]
    for leftover in [*path.parent.glob(f"{path.name}.lock*"), *unfinished]:
        leftover.unlink()
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            file.truncate(whole)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from telling what it does: archbuilder tells it in its own words."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
