"""Studies move between all kinds of storages, whole; what is half-made is removed."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from support.postgres import PASSWORD

from archbuilder import ArchbuilderError
from archbuilder.storage import (
    JOURNAL,
    StorageError,
    copy_study,
    hold,
    move_study,
    open_storage,
    remember,
    storage_of,
)
from archbuilder.storage.claim import CLAIM
from archbuilder.storage.coordinator import COPY
from archbuilder.storage.database import TOKEN
from storage.children import SHORT
from storage.conftest import KINDS, Place

DISTRIBUTIONS = {
    "stem": IntDistribution(4, 64, step=4),
    "factor": FloatDistribution(0.05, 2.0),
    "type": CategoricalDistribution(["conv", "inception"]),
}


def write_study(storage: BaseStorage, name: str) -> int:
    """Write a study with trials in all states; give its number."""
    study_id = storage.create_new_study([StudyDirection.MAXIMIZE], name)
    study = optuna.load_study(study_name=name, storage=storage)
    storage.set_study_system_attr(study_id, "study:metric_names", ["val_accuracy"])
    study.set_user_attr("sources", {"study": "naïve: 100 %"})
    states = (TrialState.COMPLETE, TrialState.RUNNING, TrialState.FAIL, TrialState.WAITING, TrialState.PRUNED)
    for number, state in enumerate(states * 2):
        params: dict[str, Any] = {"stem": 4 + 4 * number, "factor": 1 / (number + 1), "type": "conv"}
        trial = create_trial(
            state=state,
            value=number / 7 if state == TrialState.COMPLETE else None,
            params=params,
            distributions=DISTRIBUTIONS,
            user_attrs={"cost macs": number * 10**12, "note": None},
            system_attrs={"rungs": [[1, 0.5]]},
            intermediate_values={1: 0.1, 3: math.nan, 9: math.inf},
        )
        storage.create_new_trial(study_id, trial)
    return study_id


def content(storage: BaseStorage, name: str) -> list[Any]:
    """Give all of a study that is to be the same in every storage; as text, in which NaN equals NaN."""
    study_id = storage.get_study_id_from_name(name)
    found: list[Any] = [storage.get_study_directions(study_id), storage.get_study_system_attrs(study_id)]
    found.append(
        {key: value for key, value in storage.get_study_user_attrs(study_id).items() if key not in (CLAIM, COPY)}
    )
    for trial in storage.get_all_trials(study_id):
        trial.system_attrs.pop(TOKEN, None)
        parts: list[dict[Any, Any]] = [
            trial.params,
            trial.distributions,
            trial.user_attrs,
            trial.system_attrs,
            trial.intermediate_values,
        ]
        found += [trial.number, trial.state, trial.values, trial.datetime_start, trial.datetime_complete]
        found += [repr(sorted(part.items())) for part in parts]
    return found


@pytest.mark.parametrize(("kind", "other"), list(itertools.product(KINDS, repeat=2)))
def test_a_copy_is_whole(place_of: Callable[[str], Place], kind: str, other: str) -> None:
    places = place_of(kind), place_of(other)
    source, target = (open_storage(*place) for place in places)
    write_study(target, "first")  # numbers of rows differ
    write_study(source, "widths")
    before, other_before = content(source, "widths"), content(target, "first")
    assert copy_study("widths", source, target) == 10
    assert content(open_storage(*places[1]), "widths") == before == content(source, "widths")
    assert content(target, "first") == other_before
    with pytest.raises(StorageError, match=r": has a study named widths already; rename or remove one of them$"):
        copy_study("widths", source, target)
    assert content(target, "widths") == before
    with hold(target, "widths", places[1][1], timing=SHORT) as coordinator:  # a study like any other
        assert target.get_n_trials(coordinator.study_id) == 10
    with pytest.raises(StorageError, match=r"no study named 'width'$"):
        copy_study("width", source, target)


class Failing:
    """A storage that fails, or writes something else, at a trial."""

    def __init__(self, storage: BaseStorage, monkeypatch: pytest.MonkeyPatch, failure: BaseException | None) -> None:
        create = storage.create_new_trial

        def create_new_trial(study_id: int, template_trial: optuna.trial.FrozenTrial) -> int:
            if template_trial.number == 4:
                if failure is not None:
                    raise failure
                template_trial = create_trial(state=TrialState.FAIL)
            return create(study_id, template_trial)

        monkeypatch.setattr(storage, "create_new_trial", create_new_trial)


def test_a_half_made_copy_is_removed(place_of: Callable[[str], Place], monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_storage(*place_of("journal"))
    write_study(source, "widths")
    for kind in KINDS:
        target = open_storage(*place_of(kind))
        with monkeypatch.context() as patched:
            Failing(target, patched, KeyboardInterrupt())
            with pytest.raises(KeyboardInterrupt):
                copy_study("widths", source, target)
        assert not target.get_all_studies()
        with monkeypatch.context() as patched:
            Failing(target, patched, None)
            with pytest.raises(StorageError, match=r"the copy of widths differs in trial 4; it is removed$"):
                copy_study("widths", source, target)
        assert not target.get_all_studies()
        assert copy_study("widths", source, target) == 10


def test_a_copy_that_was_killed_is_refused_and_made_anew(place_of: Callable[[str], Place]) -> None:
    source = open_storage(*place_of("journal"))
    write_study(source, "widths")
    for kind in KINDS:
        place = place_of(kind)
        target = open_storage(*place)
        study_id = target.create_new_study([StudyDirection.MAXIMIZE], "widths")
        target.set_study_user_attr(study_id, COPY, {"storage": "journal.log", "complete": False})
        target.create_new_trial(study_id)
        expected = "^widths is an unfinished copy from journal.log: move the study again$"
        with pytest.raises(StorageError, match=expected), hold(target, "widths", place[1], timing=SHORT):
            pass
        assert copy_study("widths", source, target) == 10
        assert content(target, "widths") == content(source, "widths")


def test_what_is_held_is_not_copied(place_of: Callable[[str], Place]) -> None:
    target = open_storage(*place_of("journal"))
    for kind in ("sqlite", "postgresql"):
        place = place_of(kind)
        refused = pytest.raises(StorageError, match=r"^widths in .* is already running: process ")
        with hold(open_storage(*place), "widths", place[1], timing=SHORT), refused:
            copy_study("widths", open_storage(*place), target)
    assert not target.get_all_studies()


def test_a_study_moves_alone_and_back(
    place_of: Callable[[str], Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)  # the folder remembers the URL without it
    folder = tmp_path / "widths"
    folder.mkdir()
    (folder / "best.yaml").write_text("kept")
    source = open_storage(None, folder)
    write_study(source, "widths")
    before = content(source, "widths")
    sqlite, postgresql = place_of("sqlite")[0], place_of("postgresql")[0]
    for url in (sqlite, postgresql, None, postgresql):
        assert storage_of(folder) != url
        trials, place = move_study("widths", folder, url)
        assert trials == 10
        assert storage_of(folder) == (None if url is None else place)
        assert (folder / JOURNAL).exists() == (url is None)
        assert (folder / "best.yaml").read_text() == "kept"
        storage = open_storage(url, folder)
        assert content(storage, "widths") == before
        with pytest.raises(StorageError, match=r"^widths is in .* already$"):
            move_study("widths", folder, url)
    assert sqlite is not None
    assert not open_storage(sqlite, folder).get_all_studies()


def test_a_study_that_runs_is_not_moved(place_of: Callable[[str], Place], tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path)
    with hold(storage, "widths", tmp_path), pytest.raises(ArchbuilderError, match="is already running, in process"):
        move_study("widths", tmp_path, place_of("sqlite")[0])


def test_a_refused_move_leaves_no_empty_journal(place_of: Callable[[str], Place]) -> None:
    url, folder = place_of("sqlite")
    open_storage(url, folder)
    remember(folder, url)
    with pytest.raises(StorageError, match=r"no study named 'widths'$"):
        move_study("widths", folder, None)
    assert not (folder / JOURNAL).exists()
    assert storage_of(folder) == url


def test_the_folder_of_a_study_knows_its_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "widths"
    folder.mkdir()
    with_password = "postgresql+psycopg://me:secret@db.example/studies?sslmode=require&password=secret"
    kept = "postgresql+psycopg://me@db.example/studies?sslmode=require"
    assert storage_of(folder) is None
    assert storage_of(folder, with_password) == with_password  # a new study
    remember(folder, with_password)
    assert (folder / "storage.txt").read_text() == f"{kept}\n"
    assert storage_of(folder) == kept
    assert storage_of(folder, with_password) == with_password
    expected = (
        r"widths: its study is in postgresql\+psycopg://me@db.example/studies, not in sqlite:///runs.db: "
        r"archbuilder studies move widths --to sqlite:///runs.db$"
    )
    with pytest.raises(StorageError, match=expected):
        storage_of(folder, "sqlite:///runs.db")
    remember(folder, "sqlite:///runs.db")
    assert storage_of(folder) == f"sqlite:///{tmp_path}/runs.db"
    assert storage_of(folder, "sqlite:///runs.db") == "sqlite:///runs.db"
    remember(folder, None)
    open_storage(None, folder)
    with pytest.raises(StorageError, match=r"its study is in journal.log, not in sqlite:///runs.db: archbuilder"):
        storage_of(folder, "sqlite:///runs.db")
