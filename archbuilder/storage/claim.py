"""A claim on a study in a database: one process coordinates it, seen by its beats."""

import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError

from archbuilder.storage.database import ConnectionLostError, DatabaseStorage
from archbuilder.storage.journal_file import StorageError

CLAIM = "coordinator"
"""The user attribute of a study in a database that names its coordinator; None after it has ended."""
_HIDDEN = "hidden"  # a process of another user whose start time cannot be read


@dataclass(frozen=True)
class Timing:
    """Seconds of a claim.

    Attributes:
        beat: Between two beats of a coordinator.
        silence: Without a beat after which a coordinator on another host counts as gone.
        settle: Between writing a claim and reading it back.
    """

    beat: float = 10.0
    silence: float = 60.0
    settle: float = 1.0


TIMING = Timing()
_OWN: set[str] = set()  # the claims that this process holds


@dataclass(frozen=True)
class Holder:
    """The process that coordinates a study.

    Attributes:
        pid: Its process number; 0 if that is not known.
        host: Its host; empty for a journal file.
        since: When it began, in seconds since 1970; 0 for a journal file.
        silence: Seconds since its last beat; 0 for a journal file.
    """

    pid: int
    host: str = ""
    since: float = 0.0
    silence: float = 0.0

    def __str__(self) -> str:
        if not self.host:
            return f"process {self.pid or 'unknown'}"
        since = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"process {self.pid} on host {self.host}, since {since}, last heard of {self.silence:.0f} s ago"


class Claim:
    """A claim in a study's attributes, renewed by a thread.

    Storages of Optuna have no lock. A claim is written, and holds if it is still there a while later: of two that
    begin at the same time the later one wins. One whose write comes too late for that waits until the coordinator's
    next beat, which writes over every claim that is not confirmed.
    """

    def __init__(self, storage: DatabaseStorage, study_id: int, study_name: str, timing: Timing) -> None:
        self._storage, self._id, self._name, self._timing = storage, study_id, study_name, timing
        self._claim: dict[str, Any] = {
            "id": uuid.uuid4().hex,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": time.time(),
            "machine": _machine(),
            "process": _process(os.getpid()),
        }
        self._beats, self._renewed = 0, (0.0, 0.0)
        self._lost = ""
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="coordinator's beats", daemon=True)

    def begin(self) -> None:
        """Claim the study.

        Raises:
            StorageError: Another process holds it.
        """
        _OWN.add(self._claim["id"])
        try:
            self._storage.call(self._take, is_write=False)
        except BaseException:
            self._leave()
            raise
        self._thread.start()

    def end(self) -> None:
        """Give the study up."""
        self._ended.set()
        self._thread.join()
        self._leave()

    def _leave(self) -> None:
        _OWN.discard(self._claim["id"])
        with suppress(ConnectionLostError, StorageInternalError, KeyError):  # without a connection it falls silent
            if self._is_own(self._read()):
                self._storage.unretried.set_study_user_attr(self._id, CLAIM, None)

    def check(self) -> None:
        """Check that the claim holds.

        Raises:
            StorageError: Another process coordinates the study now, since this one was silent for too long.
        """
        self._storage.call(self.verify, is_write=False)

    def verify(self) -> None:
        """Check that the claim holds; ask the database if the last beat was missed."""
        if not self._lost and self._is_overdue():
            with self._lock:
                if self._is_overdue():  # the thread may have renewed it meanwhile
                    self._renew()
        if self._lost:
            raise StorageError(self._lost)

    def _run(self) -> None:
        while not self._ended.wait(self._timing.beat):
            with self._lock, suppress(ConnectionLostError, StorageInternalError):
                self._renew()
            self._storage.remove_session()
            if self._lost:
                return

    def _renew(self) -> None:
        """Write a beat; after a silence in which another process may have begun, claim the study again."""
        try:
            if self._age() > self._timing.silence / 2:
                self._take()
                return
            found = self._read()
            if found is None or self._is_own(found) or not found["beats"]:
                self._write(self._beats + 1)
            else:
                self._refuse(found)
        except KeyError:
            self._lost = f"{self._name} was deleted from {self._storage.name} while it ran"
        except StorageError as error:
            self._lost = f"no longer the coordinator, after {self._age():.0f} s without a beat: {error}"

    def _take(self) -> None:
        """Claim the study: write, wait, read back."""
        found = self._read()
        if found is not None and not self._is_own(found):
            self._wait_for_silence(found)
        began = time.monotonic()
        if self._read() != found:
            self._refuse(self._read())
        self._write(0)
        is_late = time.monotonic() - began > self._timing.settle / 2
        time.sleep(2.5 * self._timing.beat if is_late else self._timing.settle)
        found = self._read()
        if not self._is_own(found):
            self._refuse(found)
        self._write(1)

    def _wait_for_silence(self, claim: Mapping[str, Any]) -> None:
        """Return when the process of a claim is gone, or was silent for long and says nothing for two beats more.

        Raises:
            StorageError: It is there.
        """
        if found_alive := is_alive(claim, self._timing):
            self._refuse(claim)
        if found_alive is None:  # clocks of hosts differ: that it is silent is seen, not computed
            self._storage.tell(f"{self._name}: {holder_of(claim)}; waiting for another sign of it before taking over")
            time.sleep(2.5 * self._timing.beat)
            if (found := self._read()) != claim:
                self._refuse(found)

    def _refuse(self, claim: Mapping[str, Any] | None) -> None:
        name = f"{self._name} in {self._storage.name}"
        if claim is None:
            raise StorageError(f"{name}: another process began at the same time; run the same command again")
        what_to_do = "wait for it or stop it"
        if claim["machine"] != _machine() or claim["machine"] is None:
            what_to_do += f"; if that host is gone, try again {self._timing.silence:.0f} s after it was last heard of"
        raise StorageError(f"{name} is already running: {holder_of(claim)}; {what_to_do}")

    def _is_own(self, claim: Mapping[str, Any] | None) -> bool:
        return claim is not None and claim["id"] == self._claim["id"]

    def _is_overdue(self) -> bool:
        return self._age() > 1.5 * self._timing.beat

    def _age(self) -> float:
        """Return the seconds since the last beat, also those that the machine slept: only one clock counts these."""
        monotonic, wall = self._renewed
        return max(time.monotonic() - monotonic, time.time() - wall)

    def _read(self) -> dict[str, Any] | None:
        return self._storage.unretried.get_study_user_attrs(self._id).get(CLAIM)

    def _write(self, beats: int) -> None:
        now = time.monotonic(), time.time()
        claim = {**self._claim, "beats": beats, "beat": time.time()}
        self._storage.unretried.set_study_user_attr(self._id, CLAIM, claim)
        self._beats, self._renewed = beats, now


def holder_of(claim: Mapping[str, Any]) -> Holder:
    """Return who made a claim."""
    return Holder(claim["pid"], claim["host"], claim["since"], max(0.0, time.time() - claim["beat"]))


def is_alive(claim: Mapping[str, Any], timing: Timing) -> bool | None:
    """Return whether the process of a claim is there; None if it is on another host and its beat is out of date."""
    if claim["machine"] is not None and claim["machine"] == _machine():
        if claim["pid"] == os.getpid():  # perhaps one that ended without a connection
            return claim["id"] in _OWN
        return _process(claim["pid"]) in (claim["process"], _HIDDEN)
    return True if abs(time.time() - claim["beat"]) < timing.silence else None


def _machine() -> str | None:
    """Return what is common to processes that see each other's numbers, or None: then only beats count."""
    if sys.platform != "linux":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _process(pid: int) -> str | None:
    """Return what tells a process from a later one of its number, or None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:  # it is gone, or /proc shows only a user's own processes
        try:
            os.kill(pid, 0)
        except OSError as error:
            return _HIDDEN if isinstance(error, PermissionError) else None
        return _HIDDEN
    return None if fields[0] in "ZX" else fields[19]
