"""Studies as they are kept, as plain data; the functions run in a process that may import torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from archbuilder.errors import ArchbuilderError
from archbuilder.play.folder import inside
from archbuilder.play.limits import LARGEST_JOURNAL, MOST_CHARACTERS


@dataclass(frozen=True)
class Trial:
    """A trial of a study.

    Attributes:
        number: Its number; the baseline is 0.
        outcome: What became of it.
        accuracy: The validation accuracy after its last epoch, from 0 to 1, or its score; None if it was not trained.
        epochs: For how many epochs it was trained.
        costs: What it costs, by quantity.
        reason: Why it failed.
        tested: Its mean test accuracy when it was retrained after the search, from 0 to 1; None if it was not.
    """

    number: int
    outcome: str
    accuracy: float | None
    epochs: int
    costs: Mapping[str, int]
    reason: str
    tested: float | None = None


@dataclass(frozen=True)
class StudyState:
    """How a study stands.

    Attributes:
        name: Its name.
        state: `running`, `stopped` or `finished`.
        wanted: How many trials its file asks for.
        counted: How many of them are over.
        quantity: The cost that accuracy is shown against.
        budget: Its budget, for people.
        trials: The trials, by number.
        best: The number of the best one, by its retrained networks if there are any; None before one was trained to the
            end.
        limits: The most that each budget allows of the quantity.
    """

    name: str
    state: str
    wanted: int
    counted: int
    quantity: str
    budget: str
    trials: tuple[Trial, ...]
    best: int | None
    limits: tuple[int, ...] = ()


def read_state(root: Path, folder: Path) -> StudyState:
    """Read how the study of a folder stands.

    Args:
        root: The playground's folder.
        folder: The study's.

    Raises:
        ArchbuilderError: None is kept there, it is damaged or too large, or its trials lie outside the root.
    """
    from archbuilder.report.kept import kept_study  # noqa: PLC0415 - imports torch

    _check_kept(root, folder)
    kept = kept_study(folder)
    study, record = kept.stored.study, kept.stored.record
    best = kept.best
    tested = {row.number or 0: fmean(row.test) for row in kept.finalists if row.test and row.is_trial}
    limits = [budget.limits.by_quantity.get(study.quantity) for budget in study.budgets]
    return StudyState(
        name=study.name,
        state=str(kept.state),
        wanted=study.settings.search.trials,
        counted=record.tally().counted,
        quantity=study.quantity,
        budget="; ".join(budget.limits.text() for budget in study.budgets),
        trials=tuple(
            Trial(
                trial.number,
                str(trial.outcome),
                trial.final_accuracy,
                trial.epochs,
                dict(trial.cost),
                trial.reason.splitlines()[0][:200] if trial.reason else "",
                tested.get(trial.number),
            )
            for trial in record.listed
        ),
        best=None if best is None else best.number,
        limits=tuple(limit.high for limit in limits if limit is not None),
    )


def written(folder: Path) -> float:
    """Return when anything was last written of a study; 0 if nothing was."""
    times = [
        path.stat().st_mtime
        for name in ("journal.log", "storage.txt", "trials.csv")
        if (path := folder / name).is_file()
    ]
    return max(times, default=0.0)


def read_trial(root: Path, folder: Path, number: int) -> tuple[str, str, list[tuple[str, str, str]]]:
    """Return the specs of the baseline and of a trial, as texts; and what differs: its name, before and after.

    Raises:
        ArchbuilderError: The study has no such trial; or as `read_state`.
    """
    from archbuilder.searching.opening import read_stored  # noqa: PLC0415 - imports torch
    from archbuilder.study.space import settings_of  # noqa: PLC0415
    from archbuilder.trials.trial import BASELINE  # noqa: PLC0415

    _check_kept(root, folder)
    stored = read_stored(folder)
    trial, study = stored.record.trials.get(number), stored.study
    if trial is None:
        raise ArchbuilderError(f"{folder}: the study has no trial {number}")
    baseline = study.spec.document.standalone_text
    if number == BASELINE:
        return baseline, baseline, []
    spec, names = study.pricer.spec(trial.values), study.space.names
    before, after = settings_of(study.spec, names), settings_of(spec, names)
    differences = [
        (name, str(before.get(name, "")), str(after.get(name, "")))
        for name in names
        if before.get(name) != after.get(name)
    ]
    return baseline, spec.document.standalone_text, differences


def coordinator(root: Path, folder: Path) -> int:
    """Return the number of the process that coordinates a study on this machine; 0 if there is none.

    Raises:
        ArchbuilderError: It runs on another machine; or as `read_state`.
    """
    import socket  # noqa: PLC0415

    from archbuilder.storage import (  # noqa: PLC0415
        open_storage,
        quiet_optuna,
        storage_of,
    )
    from archbuilder.storage.coordinator import holder  # noqa: PLC0415

    _check_kept(root, folder)
    with quiet_optuna():
        storage = open_storage(storage_of(folder), folder, must_exist=True)
        found = holder(storage, folder.name, folder)
    if found is not None and found.host not in ("", socket.gethostname()):
        raise ArchbuilderError(f"{folder.name} is searched on {found.host}, in process {found.pid}: stop it there")
    return 0 if found is None else found.pid


def _check_kept(root: Path, folder: Path) -> None:
    """Check that the trials of a study lie in the playground's folder, or in a database of a server."""
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    from archbuilder.storage import JOURNAL, STORAGE, storage_of  # noqa: PLC0415

    if not folder.is_dir():
        raise ArchbuilderError(f"{folder.name}: was deleted, or no study of this name was started in this folder")
    if (folder / STORAGE).exists():
        inside(root, folder / STORAGE, MOST_CHARACTERS)
        try:
            address = make_url(storage_of(folder) or "")
        except ArgumentError:
            raise ArchbuilderError(f"{folder / STORAGE}: is damaged: expected the URL of a database") from None
        if address.get_backend_name() == "sqlite" and address.database:
            inside(root, Path(address.database), LARGEST_JOURNAL)
    else:
        inside(root, folder / JOURNAL, LARGEST_JOURNAL)
