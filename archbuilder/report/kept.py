"""The studies in a folder: their states, as a table and as JSON data."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.numbers import short
from archbuilder.report.bare_table import bare_table
from archbuilder.report.study_texts import latency_text, score_text
from archbuilder.searching.finalists import Finalist
from archbuilder.searching.opening import read_stored
from archbuilder.searching.outputs import TRIALS
from archbuilder.searching.result import COMPLETE, result_of
from archbuilder.searching.stored import StoredStudy
from archbuilder.storage import JOURNAL, STORAGE, has_study
from archbuilder.trials.trial import Outcome, TrialRecord


class State(StrEnum):
    """Whether a process coordinates a study, or it is complete."""

    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"


@dataclass(frozen=True)
class KeptStudy:
    """A study on disk.

    Attributes:
        folder: Its folder.
        stored: Its trials.
        state: Its state.
        written: When it was last written, in seconds since 1970.
    """

    folder: Path
    stored: StoredStudy
    state: State
    written: float

    @property
    def baseline(self) -> TrialRecord | None:
        """The baseline; None before it has been trained."""
        return self.stored.record.baseline

    @property
    def finalists(self) -> tuple[Finalist, ...]:
        """The retrained networks, with their results; none before the baseline was trained."""
        return () if self.baseline is None else result_of(self.stored).rows

    @property
    def best(self) -> TrialRecord | None:
        """The best trial: that of `best.yaml`, on a ladder that of the largest budget which has one."""
        ranked = self.stored.record if self.baseline is None else result_of(self.stored)
        return next(iter(ranked.best(1)), None)


@dataclass(frozen=True)
class Damaged:
    """A study that cannot be read.

    Attributes:
        folder: Its folder.
        problem: What is wrong.
    """

    folder: Path
    problem: str


def kept_studies(runs: Path) -> list[KeptStudy | Damaged]:
    """Read all studies of a folder, by name; those that cannot be read are among them."""
    found: list[KeptStudy | Damaged] = []
    for folder in study_folders(runs):
        try:
            found.append(kept_study(folder))
        except ArchbuilderError as error:
            found.append(Damaged(folder, str(error)))
    return found


def study_folders(runs: Path) -> list[Path]:
    """Return the folders of studies, by name."""
    return sorted(path for path in runs.glob("*") if has_study(path))


def kept_study(folder: Path) -> KeptStudy:
    """Read a study and its state.

    Raises:
        ArchbuilderError: There is none, or it is damaged.
    """
    stored = read_stored(folder)
    files = (folder / name for name in (JOURNAL, STORAGE, TRIALS))  # a study in a database has no journal file
    tally = stored.record.tally()
    is_complete = not tally[Outcome.OPEN] and stored.get(COMPLETE) == tally.counted
    state = State.RUNNING if stored.is_running else State.FINISHED if is_complete else State.STOPPED
    return KeptStudy(folder, stored, state, max(path.stat().st_mtime for path in files if path.is_file()))


def find_study(runs: Path, name: str) -> Path:
    """Return the folder of a study by its name, or by the path of its folder.

    Raises:
        ArchbuilderError: There is none of this name.
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


def studies_table(found: Sequence[KeptStudy | Damaged]) -> RenderableType:
    """Return a table of studies, followed by the problems of those that cannot be read."""
    table = bare_table("study", "spec")
    timed = any("latency" in study.stored.study.bounded for study in found if isinstance(study, KeptStudy))
    for column in ("trials", "best validation", "MACs", *(["latency"] if timed else [])):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("last written", no_wrap=True)
    for study in found:
        if isinstance(study, KeptStudy):
            table.add_row(*_table_row(study, timed=timed))
    damaged = [study for study in found if isinstance(study, Damaged)]
    notes = [Text(study.problem, "red") for study in damaged]
    readable = len(found) > len(damaged)
    return Group(*([table] if readable else []), *notes)


def _table_row(study: KeptStudy, *, timed: bool) -> tuple[str, ...]:
    """Return the cells of a study in the list of studies; `timed` adds the latency."""
    stored, best = study.stored, study.best
    settings = stored.study.settings
    if best is None:
        value = macs = latency = "—"
    else:
        value = score_text(stored.study, best.accuracy)
        macs, latency = short(best.cost["macs"]), latency_text(best.cost)
    counted, wanted = stored.record.tally().counted, settings.search.trials
    trials = f"{counted}/{wanted}" if counted < wanted else f"{counted}"
    costs = (macs, latency) if timed else (macs,)
    written = time.strftime("%Y-%m-%d %H:%M", time.localtime(study.written))
    return study.folder.name, stored.study.spec.name, trials, value, *costs, str(study.state), written


def studies_as_data(found: Sequence[KeptStudy | Damaged]) -> list[dict[str, Any]]:
    """Return a list of studies as JSON data."""
    return [_damaged_as_data(study) if isinstance(study, Damaged) else _study_as_data(study) for study in found]


def _damaged_as_data(study: Damaged) -> dict[str, Any]:
    return {"name": study.folder.name, "folder": str(study.folder), "state": "damaged", "problem": study.problem}


def _study_as_data(study: KeptStudy) -> dict[str, Any]:
    """Return a study of the list as JSON data."""
    settings, best = study.stored.study.settings, study.best
    return {
        "name": study.folder.name,
        "folder": str(study.folder),
        "spec": study.stored.study.spec.name,
        "state": str(study.state),
        "trials": study.stored.record.tally().counted,
        "of": settings.search.trials,
        "objective": settings.objective.maximize,
        "baseline": None if study.baseline is None else study.baseline.final_accuracy,
        "best_trial": None if best is None else {"trial": best.number, "value": best.accuracy, "cost": dict(best.cost)},
        "written": study.written,
    }
