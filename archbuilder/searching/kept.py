"""The studies that are kept in a folder, and how each stands."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.runs.lock import held
from archbuilder.searching.baseline import Baseline, read_baseline
from archbuilder.searching.finals import final_rows
from archbuilder.searching.journal import JOURNAL, Journal, read_journal
from archbuilder.searching.outputs import TRIALS
from archbuilder.searching.record import Outcome, TrialRecord


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
    baseline: Baseline | None
    written: float

    @property
    def best(self) -> TrialRecord | None:
        """The best trial, whatever its budget."""
        return next(iter(self.journal.record.best(1)), None)


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
    return sorted(path.parent for path in runs.glob(f"*/{JOURNAL}"))


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
    written = (folder / JOURNAL).stat().st_mtime
    return KeptStudy(folder, journal, _state(journal), read_baseline(journal), written)


def find_study(runs: Path, name: str) -> Path:
    """Give the folder of a study by its name, or by the path of its folder.

    Raises:
        ArchbuilderError: None of this name is kept there.
    """
    if (Path(name) / JOURNAL).is_file():
        return Path(name)
    names = [folder.name for folder in study_folders(runs)]
    if name in names:
        return runs / name
    if not names:
        raise ArchbuilderError(nothing_kept(runs))
    raise ArchbuilderError(
        f"{runs}: no study is named {name!r}{did_you_mean(name, names)}\n  studies here: {', '.join(names)}"
    )


def nothing_kept(runs: Path) -> str:
    """Say that a folder has no studies, and what to do."""
    return (
        f"{runs}: no study is kept here\n"
        f"  start one with archbuilder search digits_widths, or name another folder with --runs"
    )


def is_running(folder: Path) -> bool:
    """Tell whether a process is at work on a study: the operating system frees its lock when it ends."""
    lock = folder / "lock"
    if not lock.exists():
        return False
    try:
        with held(lock, folder.name):
            return False
    except ArchbuilderError:
        return True
    except OSError:  # somebody else's folder, that cannot be written to
        return False


def _state(journal: Journal) -> State:
    if is_running(journal.folder):
        return State.RUNNING
    tally = journal.record.tally()
    if tally[Outcome.OPEN] or read_baseline(journal) is None:
        return State.STOPPED
    # A study may be given another number of trials, or run out of candidates: its table is written last.
    table = journal.folder / TRIALS
    has_table = table.exists() and table.stat().st_mtime >= (journal.folder / JOURNAL).stat().st_mtime
    rows = final_rows(journal)
    is_through = tally.counted >= journal.study.settings.search.trials and all(row.test for row in rows)
    return State.FINISHED if has_table or is_through else State.STOPPED
