"""One suite for every kind of storage: a journal file, SQLite and a PostgreSQL server of the tests' own."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage
from support.postgres import Server, serving

from archbuilder.storage import open_storage

KINDS = ("journal", "sqlite", "postgresql")
DATABASES = KINDS[1:]
Place = tuple[str | None, Path]
_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Give a running PostgreSQL server."""
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def place_of(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Place]:
    """Give a function from a kind of storage to a new one: its URL and the study's folder."""

    def place(kind: str) -> Place:
        number = next(_numbers)
        folder = tmp_path / f"study-{number}"
        folder.mkdir()
        if kind == "journal":
            return None, folder
        if kind == "sqlite":
            return f"sqlite:///{folder}/studies.db", folder
        server: Server = request.getfixturevalue("server")
        return server.create(f"studies{number}"), folder

    return place


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, place_of: Callable[[str], Place]) -> Place:
    """Give a new storage of each kind."""
    return place_of(request.param)


@pytest.fixture
def storage(place: Place) -> BaseStorage:
    """Give an open storage of each kind."""
    return open_storage(*place)
