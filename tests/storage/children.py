"""Coordinators in processes of their own, forked from one that has imported everything."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import optuna
from support.patience import PATIENCE

from archbuilder import ArchbuilderError
from archbuilder.storage import claim, hold, open_storage
from archbuilder.storage.claim import Timing

SHORT = Timing(beat=0.2, silence=1.0, settle=0.4)
HELD = "held"


class Child:
    """A process that coordinates studies when told to."""

    def __init__(self, machine: str = "", timing: Timing = SHORT) -> None:
        """Start it.

        Args:
            machine: What it takes for its machine: another one is another host. The real one if empty.
            timing: Of its claims.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["archbuilder.storage"])  # a path of its own: it knows not that of tests
        self._pipe, other = context.Pipe()
        self.process = context.Process(target=_run, args=(other, machine, timing), daemon=True)
        self.process.start()
        other.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def tell(self, *message: object) -> None:
        self._pipe.send(message)

    def answer(self, seconds: float = PATIENCE) -> str:
        assert self._pipe.poll(seconds), "a child said nothing"
        return str(self._pipe.recv())

    def hold(self, url: str | None, folder: Path) -> str:
        """Let it begin a study; give `HELD`, or what it was refused with."""
        self.tell(url, folder)
        return self.answer()

    def end(self) -> None:
        """Let it end the study."""
        self.tell("end")
        assert self.answer() == "ended"


@contextmanager
def children(*machines: str, timing: Timing = SHORT) -> Iterator[list[Child]]:
    """Run children, one for each machine; kill them in the end."""
    started = [Child(machine, timing) for machine in machines]
    try:
        yield started
    finally:
        for child in started:
            child.process.kill()
            child.process.join()


def _run(pipe: Connection, machine: str, timing: Timing) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if machine:
        claim._machine = lambda: machine
    while True:
        try:
            url, folder = pipe.recv()
            storage = open_storage(url, folder)
            with hold(storage, "one", folder, timing=timing) as coordinator:
                pipe.send(HELD)
                (order,) = pipe.recv()
                while order == "write":
                    storage.set_study_user_attr(coordinator.study_id, "writer", machine)
                    time.sleep(0.02)
            pipe.send("ended")
        except ArchbuilderError as error:
            pipe.send(str(error))
        except EOFError:
            return
