"""The studies that are kept in a folder, and how each stands."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.searching.journal import Journal
from archbuilder.searching.opening import quiet_optuna, read_journal
from archbuilder.searching.outputs import TRIALS
from archbuilder.searching.record import Outcome, TrialRecord
from archbuilder.searching.result import COMPLETE, result_of
from archbuilder.storage import JOURNAL, STORAGE, StorageError, has_study, is_running, open_storage, storage_of


class State(StrEnum):
    """Whether a study goes on."""

    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"


@dataclass(frozen=True)
class KeptStudy:
    """A study on disk.

    Attributes:
        folder: Where it is kept.
        journal: What is known of it.
        state: Whether a process is at work on it, or it is complete.
        baseline: How the spec as it is did; None before it has been trained.
        written: When something was last written down of it, in seconds since 1970.
    """

    folder: Path
    journal: Journal
    state: State
    baseline: TrialRecord | None
    written: float

    @property
    def best(self) -> TrialRecord | None:
        """The best trial: that of `best.yaml`, of a ladder that of the largest budget which has one."""
        if self.baseline is None:
            return next(iter(self.journal.record.best(1)), None)
        return next(iter(result_of(self.journal).best(1)), None)


@dataclass(frozen=True)
class Damaged:
    """A study that cannot be read.

    Attributes:
        folder: Where it is kept.
        problem: What is wrong.
    """

    folder: Path
    problem: str


def study_folders(runs: Path) -> list[Path]:
    """Give the folders that studies are kept in, by name."""
    return sorted(path for path in runs.glob("*") if has_study(path))


def kept_studies(runs: Path) -> list[KeptStudy | Damaged]:
    """Read every study of a folder; those that cannot be read are among them."""
    found: list[KeptStudy | Damaged] = []
    for folder in study_folders(runs):
        try:
            found.append(kept_study(folder))
        except ArchbuilderError as error:
            found.append(Damaged(folder, str(error)))
    return found


def kept_study(folder: Path) -> KeptStudy:
    """Read how a study stands.

    Raises:
        ArchbuilderError: None is kept there, or it is damaged.
    """
    journal = read_journal(folder)
    files = (folder / name for name in (JOURNAL, STORAGE, TRIALS))  # a study in a database has no journal file
    written = max(path.stat().st_mtime for path in files if path.is_file())
    return KeptStudy(folder, journal, _state(journal), journal.record.baseline, written)


def find_study(runs: Path, name: str) -> Path:
    """Give the folder of a study by its name, or by the path of its folder.

    Raises:
        ArchbuilderError: None of this name is kept there.
    """
    if has_study(Path(name)):
        return Path(name)
    names = [folder.name for folder in study_folders(runs)]
    if name in names:
        return runs / name
    if not names:
        raise ArchbuilderError(nothing_kept(runs))
    raise ArchbuilderError(
        f"{runs}: no study named {name!r}{did_you_mean(name, names)}\n  studies here: {', '.join(names)}"
    )


def nothing_kept(runs: Path) -> str:
    """Say that a folder has no studies, and what to do."""
    return (
        f"{runs}: no studies here\n"
        f"  start one with archbuilder search digits_widths, or name another folder with --runs"
    )


def is_coordinated(folder: Path) -> bool:
    """Return whether a process coordinates a study."""
    try:
        with quiet_optuna():
            url = storage_of(folder)
            storage = open_storage(url, folder, must_exist=True)
            return is_running(storage, folder.name, folder)
    except StorageError:
        return False


def _state(journal: Journal) -> State:
    if is_coordinated(journal.folder):
        return State.RUNNING
    tally = journal.record.tally()
    is_through = not tally[Outcome.OPEN] and journal.get(COMPLETE) == tally.counted
    return State.FINISHED if is_through else State.STOPPED
