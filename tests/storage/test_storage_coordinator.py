"""One coordinator a study: a second is told who it is; a dead or silent one is followed at once, or after a while."""

import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from optuna.study import StudyDirection

from archbuilder import ArchbuilderError
from archbuilder.storage import StorageError, hold, holder, is_running, open_storage
from archbuilder.storage.claim import CLAIM, Claim, Timing
from archbuilder.storage.database import DatabaseStorage
from storage.children import HELD, SHORT, children
from storage.conftest import DATABASES, Place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills and stops processes")


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, place_of: Callable[[str], Place]) -> str:
    url = place_of(request.param)[0]
    assert url is not None
    return url


def test_a_second_coordinator_is_told_of_the_first(place: Place, tmp_path: Path) -> None:
    url, folder = place
    other = folder if url is None else tmp_path / "elsewhere"
    storage = open_storage(url, folder)
    assert holder(storage, "one", folder) is None
    with children("") as (child,):
        assert child.hold(url, folder) == HELD
        assert is_running(storage, "one", folder)
        found = holder(storage, "one", folder)
        assert found is not None
        assert found.pid == child.pid
        with pytest.raises(ArchbuilderError) as refused, hold(open_storage(url, other), "one", other, timing=SHORT):
            pass
        same_folder = f"^one in {folder} is already running, in process {child.pid};"
        with pytest.raises(ArchbuilderError, match=same_folder), hold(open_storage(url, folder), "one", folder):
            pass
        child.end()
        assert not is_running(storage, "one", folder)
        with hold(storage, "one", folder, timing=SHORT) as coordinator:
            coordinator.check()
    message = str(refused.value)
    if url is None:
        assert message == f"one in {folder} is already running, in process {child.pid}; wait for it or stop it"
    else:
        shown = url.replace(":a%7Bb%7D%25%3A%40%2Fc@", "@")
        start = f"one in {shown} is already running: process {child.pid} on host {socket.gethostname()}, since "
        assert message.startswith(start)
        assert re.search(
            r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, last heard of 0 s ago; wait for it or stop it$", message
        )


def test_two_studies_of_one_storage_have_a_coordinator_each(place_of: Callable[[str], Place]) -> None:
    for kind in DATABASES:
        url, folder = place_of(kind)
        first, second = open_storage(url, folder), open_storage(url, folder)
        with hold(first, "one", folder, timing=SHORT), hold(second, "two", folder / "two", timing=SHORT):
            assert is_running(first, "one", folder)
            assert is_running(first, "two", folder)


def test_a_killed_coordinator_is_followed_at_once(place: Place, tmp_path: Path) -> None:
    url, folder = place
    with children("") as (child,):
        assert child.hold(url, folder) == HELD
        os.kill(child.pid, signal.SIGKILL)
        child.process.join()
        began = time.monotonic()
        storage = open_storage(url, folder)
        assert not is_running(storage, "one", folder)
        with hold(storage, "one", folder) as coordinator:  # with the timing that users have
            coordinator.check()
        assert time.monotonic() - began < 10


def test_of_two_that_begin_at_once_one_goes_on(place_of: Callable[[str], Place], tmp_path: Path) -> None:
    with children("", "") as both:
        for kind in ("sqlite", "postgresql", "postgresql", "sqlite", "postgresql"):
            url, folder = place_of(kind)  # without tables yet
            for _ in range(2):
                for number, child in enumerate(both):
                    child.tell(url, folder / str(number))
                answers = [child.answer() for child in both]
                assert answers.count(HELD) == 1, answers
                winner = answers.index(HELD)
                assert f"is already running: process {both[winner].pid} on host " in answers[1 - winner]
                both[winner].end()


def test_a_silent_coordinator_elsewhere_is_followed_and_stops(database: str, tmp_path: Path) -> None:
    with children("a", "b", "c") as (first, second, third):
        assert first.hold(database, tmp_path / "a") == HELD
        first.tell("write")
        assert re.search(
            rf"process {first.pid} on host .*; if that host is gone, try again 1 s after",
            second.hold(database, tmp_path / "b"),
        )
        os.kill(first.pid, signal.SIGSTOP)
        time.sleep(SHORT.silence + 0.1)
        assert second.hold(database, tmp_path / "b") == HELD
        second.tell("write")
        os.kill(first.pid, signal.SIGCONT)
        assert re.match(rf"no longer the coordinator, .*process {second.pid} on host", first.answer())
        storage = open_storage(database, tmp_path)
        time.sleep(0.1)
        assert storage.get_study_user_attrs(storage.get_study_id_from_name("one"))["writer"] == "b"
        assert f"process {second.pid} " in third.hold(database, tmp_path / "c")


def _claim(url: str, folder: Path, **changes: Any) -> None:
    """Write a claim as a process on another host does."""
    storage = open_storage(url, folder)
    try:
        study = storage.get_study_id_from_name("one")
    except KeyError:
        study = storage.create_new_study([StudyDirection.MAXIMIZE], "one")
    known = {"id": "other", "host": "node7", "pid": 4711, "since": 0.0, "machine": None, "process": "1", "beats": 3}
    storage.set_study_user_attr(study, CLAIM, {**known, "beat": time.time(), **changes})


@pytest.mark.parametrize("clock", [-3600.0, 3600.0], ids=["behind", "ahead"])
def test_clocks_of_hosts_may_differ(database: str, tmp_path: Path, clock: float) -> None:
    ended = threading.Event()

    def beat() -> None:
        beats = 3
        while not ended.wait(0.1):
            beats += 1
            _claim(database, tmp_path, beat=time.time() + clock, beats=beats)

    _claim(database, tmp_path, beat=time.time() + clock)
    thread = threading.Thread(target=beat)
    thread.start()
    told: list[str] = []
    storage = open_storage(database, tmp_path, tell=told.append)
    expected = "already running: process 4711 on host node7, since 1970-01-01 00:00:00 UTC"
    with pytest.raises(StorageError, match=expected), hold(storage, "one", tmp_path, timing=SHORT):
        pass
    assert len(told) == 1
    assert "waiting for another sign of it before taking over" in told[0]
    ended.set()
    thread.join()
    with hold(storage, "one", tmp_path, timing=SHORT) as coordinator:  # that one is silent now
        coordinator.check()


def test_a_coordinator_that_lost_its_claim_writes_no_more(database: str, tmp_path: Path) -> None:
    storage = open_storage(database, tmp_path)
    with hold(storage, "one", tmp_path, timing=SHORT) as coordinator:
        _claim(database, tmp_path)
        time.sleep(2.5 * SHORT.beat)
        expected = "^no longer the coordinator, .*: one in .* is already running: process 4711 on host node7"
        with pytest.raises(StorageError, match=expected):
            coordinator.check()
        with pytest.raises(StorageError, match=expected):
            storage.create_new_trial(coordinator.study_id)
        assert not storage.get_all_trials(coordinator.study_id)
    claim = storage.get_study_user_attrs(coordinator.study_id)[CLAIM]
    assert claim["id"] == "other"  # and it leaves the other's claim alone


def test_a_claim_that_came_too_late_gives_way(database: str, tmp_path: Path) -> None:
    storage = open_storage(database, tmp_path)
    with hold(storage, "one", tmp_path, timing=SHORT) as coordinator:
        _claim(database, tmp_path, beats=0)  # read before this one began, written only now
        time.sleep(2.5 * SHORT.beat)
        coordinator.check()
        assert storage.get_study_user_attrs(coordinator.study_id)[CLAIM]["pid"] == os.getpid()


def test_a_slow_claim_waits_for_the_beat_of_an_earlier_one(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timing = Timing(beat=1.0, silence=60.0, settle=0.2)
    storage, other = open_storage(database, tmp_path), open_storage(database, tmp_path)
    assert isinstance(other, DatabaseStorage)
    with hold(storage, "one", tmp_path, timing=timing) as coordinator:
        late = Claim(other, coordinator.study_id, "one", timing)
        read, write, answers = late._read, late._write, [None, None]  # it read before the first one had written

        def write_late(beats: int) -> None:
            time.sleep(timing.settle)
            write(beats)

        monkeypatch.setattr(late, "_read", lambda: answers.pop() if answers else read())
        monkeypatch.setattr(late, "_write", write_late)
        with pytest.raises(StorageError, match=f"^one in .* is already running: process {os.getpid()} on host"):
            late.begin()
        coordinator.check()


def test_a_deleted_study_ends_its_coordinator(database: str, tmp_path: Path) -> None:
    storage = open_storage(database, tmp_path)
    with hold(storage, "one", tmp_path, timing=SHORT) as coordinator:
        open_storage(database, tmp_path).delete_study(coordinator.study_id)
        time.sleep(2.5 * SHORT.beat)
        with pytest.raises(StorageError, match=r"^one was deleted from .* while it ran$"):
            coordinator.check()


def test_no_beats_are_left_after_the_end(database: str, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    storage = open_storage(database, tmp_path)
    with pytest.raises(KeyboardInterrupt), hold(storage, "one", tmp_path, timing=SHORT) as coordinator:
        raise KeyboardInterrupt
    assert set(threading.enumerate()) == before
    assert storage.get_study_user_attrs(coordinator.study_id)[CLAIM] is None
