"""`archbuilder studies move`."""

from pathlib import Path

import pytest
import typer
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from typer.testing import CliRunner

from archbuilder.cli import studies_move
from archbuilder.storage import hold, moving, open_storage, storage_of


def move(runs: Path, *arguments: str) -> tuple[int, str, str, BaseException | None]:
    app = typer.Typer()
    app.callback()(lambda: None)
    app.command()(studies_move.move)
    done = CliRunner().invoke(app, ["move", *arguments], obj={"runs": runs})
    return done.exit_code, done.stdout, done.stderr, done.exception


def write_study(storage: BaseStorage, trials: int, name: str = "widths") -> None:
    study_id = storage.create_new_study([StudyDirection.MAXIMIZE], name)
    for _ in range(trials):
        storage.create_new_trial(study_id, create_trial(state=TrialState.WAITING))


def test_a_study_moves_to_a_database_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "_TOLD_AFTER", 5)
    folder, url = tmp_path / "widths", f"sqlite:///{tmp_path}/studies.db"
    write_study(open_storage(None, folder), 12)
    told = "widths: 5 of 12 trials copied\nwidths: 10 of 12 trials copied\n"
    assert move(tmp_path, "widths", "--to", url) == (0, f"widths: 12 trials moved to {url}\n", told, None)
    assert storage_of(folder) == url
    assert move(tmp_path, str(folder), "--to", "journal") == (0, "widths: 12 trials moved to journal.log\n", told, None)
    assert storage_of(folder) is None
    assert open_storage(None, folder).get_n_trials(0) == 12


def test_the_random_search_beside_a_study_moves_with_it(tmp_path: Path) -> None:
    folder, url = tmp_path / "widths", f"sqlite:///{tmp_path}/studies.db"
    write_study(open_storage(None, folder), 3)
    write_study(open_storage(None, folder / "versus-random"), 2, "widths/versus-random")
    said = f"widths/versus-random: 2 trials moved to {url}\nwidths: 3 trials moved to {url}\n"
    assert move(tmp_path, "widths", "--to", url) == (0, said, "", None)
    assert storage_of(folder) == storage_of(folder / "versus-random") == url
    # One that was stopped between the two goes on with the other.
    assert moving.move_study("widths/versus-random", folder / "versus-random", None)[0] == 2
    assert move(tmp_path, "widths", "--to", "journal") == (0, "widths: 3 trials moved to journal.log\n", "", None)
    for place, trials in ((folder, 3), (folder / "versus-random", 2)):
        assert open_storage(None, place).get_n_trials(0) == trials


def test_what_cannot_be_moved_stays(tmp_path: Path) -> None:
    folder = tmp_path / "widths"
    storage = open_storage(None, folder)
    write_study(storage, 1)
    before = (folder / "journal.log").read_bytes()
    *_, error = move(tmp_path, "widths", "--to", "studies.db")
    assert str(error).startswith("'studies.db' is not the URL of a database; expected such as sqlite:///runs.db")
    *_, error = move(tmp_path, "widhts", "--to", "journal")
    assert "no study named 'widhts'" in str(error)
    *_, error = move(tmp_path, "widths", "--to", "journal")
    assert str(error) == "widths is in journal.log already"
    with hold(storage, "widths", folder):
        *_, error = move(tmp_path, "widths", "--to", f"sqlite:///{tmp_path}/studies.db")
        assert "is already running, in process" in str(error)
    assert (folder / "journal.log").read_bytes() == before
