"""Storages that cannot be opened: one line each, and never the password."""

import resource
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState
from support.postgres import PASSWORD, QUOTED, Server

from archbuilder import ArchbuilderError
from archbuilder.storage import JOURNAL, JournalWriteError, StorageError, hold, open_storage


def message(url: str | None, folder: Path, *, must_exist: bool = False) -> str:
    """Give what opening a storage is refused with."""
    with pytest.raises(ArchbuilderError) as refused:
        open_storage(url, folder, must_exist=must_exist)
    text = str(refused.value)
    assert "\n" not in text
    assert PASSWORD not in text
    assert QUOTED not in text
    assert "secret" not in text
    return text


def test_servers_that_cannot_be_used(server: Server, tmp_path: Path) -> None:
    known = server.create("known")
    shown = f"postgresql+psycopg://tester@127.0.0.1:{server.port}"
    start = f'connection failed: connection to server at "127.0.0.1", port {server.port} failed: FATAL: '
    assert message(server.url("absent"), tmp_path) == (
        f'{shown}/absent: {start}database "absent" does not exist; create it, such as with createdb'
    )
    assert message(server.url("known", password="secret"), tmp_path) == (
        f'{shown}/known: {start}password authentication failed for user "tester"; '
        "set PGPASSWORD, or write the password into ~/.pgpass"
    )
    text = message(server.url("known", port=1), tmp_path)
    assert text.startswith("postgresql+psycopg://tester@127.0.0.1:1/known: connection failed: ")
    assert "Connection refused" in text
    assert text.endswith("; check host and port, and that the server is running")
    text = message("postgresql+psycopg://tester:secret@no.such.host.invalid/known", tmp_path)
    assert "no.such.host.invalid" in text
    assert text.endswith("; check host and port, and that the server is running")
    assert message(known, tmp_path, must_exist=True) == f"{shown}/known: no studies here"


def test_tables_that_are_not_optunas(server: Server, tmp_path: Path) -> None:
    import psycopg  # noqa: PLC0415

    url = server.create("foreign")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE studies (title text)")
    assert message(url, tmp_path).endswith("/foreign: its table studies is not Optuna's; name another database")


def test_tables_of_another_version_of_optuna(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    open_storage(url, tmp_path)
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v2.6.0.a'")
    connection.close()
    text = message(url, tmp_path)
    assert "is no longer compatible with the table schema" in text
    assert "optuna storage upgrade --storage $STORAGE_URL" in text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "runs.db",
            "'runs.db' is not the URL of a database; expected such as sqlite:///runs.db or postgresql+psycopg://",
        ),
        ("redis://me:secret@host", "'redis://me:***@host' is not the URL of a database; expected such as "),
        ("postgresql://me:secret@host:port/x", "'postgresql://me:***@host:port/x' is not the URL of a database; "),
        ("postgresql+psycopg2://me:secret@host/x", "its driver psycopg2 is not installed: pip install "),
        ("mysql+pymysql://me:secret@host/x", "its driver pymysql is not installed: pip install pymysql"),
        ("sqlite://", "sqlite://: names no file, so that nothing would be kept; expected such as "),
        ("sqlite:////absent/x.db", "unable to open database file; its folder must exist and be writable"),
    ],
)
def test_urls_that_cannot_be_used(tmp_path: Path, url: str, expected: str) -> None:
    assert expected in message(url, tmp_path)


def test_a_missing_driver_of_postgresql_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    expected = "its driver psycopg is not installed: pip install 'archbuilder[postgresql]'"
    assert message("postgresql+psycopg://me:secret@host/x", tmp_path) == f"postgresql+psycopg://me@host/x: {expected}"


def test_files_that_are_not_there_or_not_databases(tmp_path: Path) -> None:
    assert message(f"sqlite:///{tmp_path}/x.db", tmp_path, must_exist=True).endswith(
        "/x.db: no studies here: there is no such file"
    )
    assert not (tmp_path / "x.db").exists()
    (tmp_path / "x.db").write_text("no database\n" * 100)
    assert message(f"sqlite:///{tmp_path}/x.db", tmp_path).endswith("/x.db: file is not a database; name another file")
    assert "no study here; archbuilder search creates the folder of a study" in message(None, tmp_path, must_exist=True)
    assert not (tmp_path / JOURNAL).exists()


def test_a_damaged_journal_is_refused_with_its_line(tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path)
    storage.create_new_study([StudyDirection.MAXIMIZE], "one")
    whole = (tmp_path / JOURNAL).read_text()
    for line, reason in (("{broken", "is not JSON"), ('{"a": 1}', "is not an entry of a journal")):
        (tmp_path / JOURNAL).write_text(f"{whole}{line}\n{whole}")
        with pytest.raises(ArchbuilderError) as refused:
            open_storage(None, tmp_path)
        assert str(refused.value) == (
            f"{tmp_path / JOURNAL}: is damaged and cannot be read: line 2 {reason}\n"
            f"  restore a copy of it, or delete {tmp_path} to start over"
        )
    (tmp_path / JOURNAL).write_text(whole + '{"op_code": 99}\n')
    with pytest.raises(ArchbuilderError, match="is damaged and cannot be read"):
        open_storage(None, tmp_path)


def test_what_a_killed_process_left_is_mended_by_the_next_coordinator(tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path)
    study_id = storage.create_new_study([StudyDirection.MAXIMIZE], "one")
    whole = (tmp_path / JOURNAL).read_text()
    (tmp_path / JOURNAL).write_text(whole + '{"op_code": 4, "study')
    (tmp_path / f"{JOURNAL}.lock").touch()
    (tmp_path / ".best.yaml.ab12cd34").touch()
    (tmp_path / ".hidden").touch()
    reader = open_storage(None, tmp_path)
    assert reader.get_study_id_from_name("one") == study_id
    assert (tmp_path / JOURNAL).read_text() != whole  # to read is not to mend: its process may be at work
    storage = open_storage(None, tmp_path)
    with hold(storage, "one", tmp_path):
        assert (tmp_path / JOURNAL).read_text() == whole
        storage.create_new_trial(study_id)
    assert {path.name for path in tmp_path.iterdir()} == {JOURNAL, "lock", ".hidden"}
    assert open_storage(None, tmp_path).get_n_trials(study_id) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files")
def test_a_full_disk_takes_the_partial_line_back(tmp_path: Path) -> None:
    storage = open_storage(None, tmp_path)
    study_id = storage.create_new_study([StudyDirection.MAXIMIZE], "one")
    whole = (tmp_path / JOURNAL).read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 50, before[1]))
    try:
        with pytest.raises(
            JournalWriteError, match=rf"{JOURNAL}: cannot be written: File too large\n  raise the limit"
        ):
            storage.set_study_user_attr(study_id, "key", "x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (tmp_path / JOURNAL).read_bytes() == whole
    storage.create_new_trial(study_id)
    assert open_storage(None, tmp_path).get_all_trials(study_id)[0].state == TrialState.RUNNING


def test_a_full_disk_of_sqlite_is_one_line(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db", tmp_path)
    study_id = storage.create_new_study([StudyDirection.MAXIMIZE], "one")
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON trials BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
    connection.close()
    with pytest.raises(
        StorageError, match=rf"^sqlite:///{tmp_path}/studies.db: disk is full\n  free some space there, then run"
    ):
        storage.create_new_trial(study_id)
    assert not storage.get_all_trials(study_id)
