"""The storage of a study opened: the journal file in its folder, or a database by its URL."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import BaseStorage, RDBStorage

from archbuilder.spec.writing import write_text
from archbuilder.storage.database import DatabaseStorage, reason
from archbuilder.storage.journal_file import JOURNAL, StorageError, open_journal_file

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

STORAGE = "storage.txt"
"""The file in the folder of a study that says which database it is in."""
EXAMPLES = "sqlite:///runs.db or postgresql+psycopg://user@host/database"
_LIBPQ = {  # a silent server is given up after 25 seconds, not after the hours that are TCP's default
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_CREATIONS = 5  # tries to create the tables, which another process may be doing at the same time
_ADVICE = (
    ("password|authentication", "set PGPASSWORD, or write the password into ~/.pgpass"),
    ("database .* does not exist", "create it, such as with createdb"),
    ("refused|timeout|timed out|resolve|unreachable|no route", "check host and port, and that the server is running"),
    ("unable to open database file", "its folder must exist and be writable"),
    ("file is not a database", "name another file"),
)


def ignore(_sentence: str) -> None:
    """Tell nobody."""


def open_storage(
    url: str | None, folder: Path, *, must_exist: bool = False, tell: Callable[[str], None] = ignore
) -> BaseStorage:
    """Open the storage of a study.

    Args:
        url: A database, such as `sqlite:///runs.db` or `postgresql+psycopg://user@host/database`: any URL that Optuna
            takes. None is the journal file in the study's folder.
        folder: The folder of the study.
        must_exist: Whether to refuse a storage that has no studies yet, instead of creating it.
        tell: Called with a sentence when the connection to a database is lost, and when it is there again.

    Raises:
        ArchbuilderError: The journal is damaged, or the database cannot be opened; without the password.
    """
    return open_journal_file(folder, must_exist=must_exist) if url is None else _open_database(url, must_exist, tell)


def without_password(url: str) -> str:
    """Return a URL for messages and files: without password and parameters.

    Raises:
        StorageError: It is not the URL of a database.
    """
    return _shown(_parsed(url))


def has_study(folder: Path) -> bool:
    """Return whether a folder is that of a study, in whatever storage."""
    return (folder / JOURNAL).is_file() or (folder / STORAGE).is_file()


def storage_of(folder: Path, url: str | None = None) -> str | None:
    """Return the URL of the storage of a folder's study, None for its journal file.

    Args:
        folder: The folder of the study.
        url: The database asked for; None is whichever the study is in.

    Raises:
        StorageError: The study is in another storage than the one asked for.
    """
    path = folder / STORAGE
    known = path.read_text(encoding="utf-8").strip() if path.is_file() else None
    if url is None:
        return known
    if known is None and not (folder / JOURNAL).is_file():
        return url
    place, asked = JOURNAL if known is None else without_password(known), without_password(url)
    if place != asked and known != _kept(url):
        what_to_do = f"archbuilder studies move {folder.name} --to {asked}"
        raise StorageError(f"{folder}: its study is in {place}, not in {asked}: {what_to_do}")
    return url


def is_in(folder: Path, url: str | None) -> bool:
    """Return whether the study of a folder is in a database, or for None in its journal file."""
    return storage_of(folder) == (None if url is None else _kept(url))


def remember(folder: Path, url: str | None) -> None:
    """Write into the folder of a study which storage it is in, without the password.

    Args:
        folder: The folder; it must exist.
        url: The database; None is the journal file.
    """
    if url is None:
        (folder / STORAGE).unlink(missing_ok=True)
    else:
        write_text(folder / STORAGE, f"{_kept(url)}\n")


def _kept(url: str) -> str:
    """Return a URL as it is kept: without password, a file by its whole path."""
    address = _parsed(url)
    database = address.database
    if address.get_backend_name() == "sqlite" and database is not None:
        database = str(Path(database).absolute())
    query = {key: value for key, value in address.query.items() if key != "password"}
    parts = address.drivername, address.username, None, address.host, address.port, database, query
    return type(address).create(*parts).render_as_string()


def _open_database(url: str, must_exist: bool, tell: Callable[[str], None]) -> DatabaseStorage:
    address = _parsed(url)
    name = _shown(address)
    if address.get_backend_name() == "sqlite":
        if address.database in (None, "", ":memory:"):
            raise StorageError(f"{name}: names no file, so that nothing would be kept; expected such as {EXAMPLES}")
        if must_exist and not Path(str(address.database)).is_file():
            raise StorageError(f"{name}: no studies here: there is no such file")
    for attempt in range(1, _CREATIONS + 1):
        try:
            return DatabaseStorage(_connected(address, name, must_exist), name, tell)
        except StorageError:
            raise
        except Exception as error:
            is_raced = any(sign in str(error) for sign in ("already exists", "UNIQUE", "duplicate key", "is locked"))
            if not is_raced or attempt == _CREATIONS:
                raise StorageError(f"{name}: {_explained(error, address)}") from None
        time.sleep(0.3 * attempt)
    raise AssertionError


def _connected(address: "URL", name: str, must_exist: bool) -> RDBStorage:
    from sqlalchemy import create_engine, inspect  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    arguments = {"connect_args": _connect_arguments(address)}
    with create_engine(address, poolclass=NullPool, **arguments).connect() as connection:
        tables = inspect(connection)
        if tables.has_table("studies"):
            if "study_id" not in {column["name"] for column in tables.get_columns("studies")}:
                raise StorageError(f"{name}: its table studies is not Optuna's; name another database")
        elif must_exist:
            raise StorageError(f"{name}: no studies here")
    # Rendered anew, which also quotes the braces that Optuna would fill.
    url = address.render_as_string(hide_password=False)
    return RDBStorage(url, {"pool_pre_ping": True, **arguments}, skip_table_creation=must_exist)


def _parsed(url: str) -> "URL":
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        address = make_url(url)
        address.get_dialect()
    except ImportError:  # of the driver, as some dialects do already here
        return address
    except (ArgumentError, ValueError):
        shown = re.sub(r":[^:/]*@", ":***@", url)
        raise StorageError(f"{shown!r} is not the URL of a database; expected such as {EXAMPLES}") from None
    return address


def _shown(address: "URL") -> str:
    parts = address.drivername, address.username, None, address.host, address.port, address.database
    return type(address).create(*parts).render_as_string()


def _connect_arguments(address: "URL") -> dict[str, Any]:
    if address.get_backend_name() == "sqlite":
        return {"timeout": 60}  # seconds that a lock of another process is waited for
    if address.drivername in ("postgresql", "postgresql+psycopg", "postgresql+psycopg2"):
        return {key: value for key, value in _LIBPQ.items() if key not in address.query}
    return {}


def _explained(error: Exception, address: "URL") -> str:
    """Say in one line why a database cannot be opened, and what to do."""
    if isinstance(error, ImportError):
        missing = error.name or address.get_driver_name()
        package = "'archbuilder[postgresql]'" if missing == "psycopg" else missing
        return f"its driver {missing} is not installed: pip install {package}"
    text = reason(error)  # Optuna's own RuntimeError, of tables of another version, says what to do
    advice = next((advice for signs, advice in _ADVICE if re.search(signs, text, re.IGNORECASE)), "")
    return f"{text}; {advice}" if advice else text


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from telling what it does: archbuilder tells it in its own words."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
