"""What a study keeps on disk: Optuna's journal, a line for each thing that happens."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from archbuilder.errors import ArchbuilderError
from archbuilder.runs.lock import held
from archbuilder.searching.record import Record, TrialRecord
from archbuilder.searching.setup import check_setup, setup_of
from archbuilder.searching.study import Study

DETAILS = "record"  # the attribute of a trial that holds what Optuna has no place for
_SETUP = "setup"


class Journal:
    """The journal of one study, open.

    Attributes:
        folder: The study's folder.
        optuna_study: The trials as Optuna has them.
    """

    def __init__(self, folder: Path, optuna_study: optuna.Study) -> None:
        self.folder = folder
        self.optuna_study = optuna_study

    def lost(self) -> list[int]:
        """Give the numbers of the trials that were running when the study was interrupted: none of them counts."""
        return [trial.number for trial in self._trials(TrialState.FAIL)]

    def record(self) -> Record:
        """Read the trials that are over."""
        return Record(map(_read_trial, self._trials(TrialState.COMPLETE, TrialState.PRUNED)))

    def get(self, key: str) -> Any:
        """Give something that was kept about the study as a whole, or None."""
        return self.optuna_study.user_attrs.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep something about the study as a whole: plain data."""
        self.optuna_study.set_user_attr(key, value)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.optuna_study.get_trials(deepcopy=False, states=states)


def _read_trial(trial: FrozenTrial) -> TrialRecord:
    values: Mapping[int, float] = trial.intermediate_values
    accuracies = tuple(values[epoch] for epoch in sorted(values))
    return TrialRecord.from_details(trial.number, trial.params, accuracies, trial.user_attrs[DETAILS])


@contextmanager
def open_journal(study: Study, folder: Path) -> Iterator[Journal]:
    """Open the journal of a study, or start one.

    A trial that was still running is lost: its process is gone, as the lock tells. It is marked as failed.

    Args:
        study: The study.
        folder: Its folder; made if need be.

    Raises:
        ArchbuilderError: Another process has it open, it holds another study, it is damaged, or the folder cannot be
            written to.
    """
    with ExitStack() as open_things:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            open_things.enter_context(held(folder / "lock", f"{study.name} in {folder}"))
            open_things.enter_context(_quiet())
            journal = Journal(folder, _open(study, folder / "journal.log"))
        except OSError as error:
            raise ArchbuilderError(f"{error.filename or folder}: {error.strerror or error}") from None
        if journal.get(_SETUP) is None:
            journal.put(_SETUP, setup_of(study))
        check_setup(journal.get(_SETUP), study, folder)
        for trial in journal.optuna_study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            journal.optuna_study.tell(trial.number, state=TrialState.FAIL)
        yield journal


def _open(study: Study, path: Path) -> optuna.Study:
    _mend(path)
    # Not the symbolic link that is Optuna's default: it needs a privilege on Windows.
    backend = JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path)))
    try:
        storage = JournalStorage(backend)
        return optuna.create_study(study_name=study.name, storage=storage, direction="maximize", load_if_exists=True)
    except (ValueError, KeyError) as error:  # what Optuna raises for lines that are none of its own
        raise ArchbuilderError(
            f"{path}: is damaged and cannot be read ({error}); delete {path.parent} to start over"
        ) from None


def _mend(path: Path) -> None:
    """Remove what a process leaves behind that was killed while it wrote.

    Optuna would wait half a minute for the lock of a process that is gone, and a line without its end would run
    into the next one and make the whole journal unreadable.
    """
    for leftover in path.parent.glob(f"{path.name}.lock*"):
        leftover.unlink()
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            file.truncate(whole)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from telling what it does: archbuilder tells it in its own words."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
