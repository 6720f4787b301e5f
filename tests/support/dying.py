"""A plugin by which the worker that loads it is killed: in each third job that it begins, at one of five moments.

As a plugin, it reaches the workers of any executor. Jobs are counted, over all workers, in the folder that
`ARCHBUILDER_TESTS_DEATHS` names; it lists the deaths. A job dies once: what dies twice is given up, as it should be.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archbuilder.trials import pool
from archbuilder.trials.jobs import Done, Failed, Job, attempt
from archbuilder.trials.states import StatesFolder

MOMENTS = ("job begun", "epoch trained", "state written, not named", "state named", "job done")
MOST, EVERY = 20, 3
FOLDER = Path(os.environ["ARCHBUILDER_TESTS_DEATHS"])
_due: list[str] = []  # at most one moment, of the job that is being done


def reached(moment: str) -> None:
    """Kill this process if it is time."""
    if moment in _due:
        (FOLDER / f"death-{moment}-{os.getpid()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)


def first(name: str) -> bool:
    """Return whether no worker has come to something before."""
    try:
        (FOLDER / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def count(what: str) -> int:
    """Count something over all workers, from 0."""
    return next(number for number in range(10_000) if first(f"{what} {number}"))


def _attempt(job: Job, run: Callable[..., None], on_epoch: Callable[[int, float], None]) -> Done | Failed:
    """Do a job, or die in it."""
    _due.clear()
    if first(f"job-{job.name}-{getattr(job, 'until', 0)}"):
        number = count("jobs")
        if number % EVERY == 0 and number // EVERY < MOST:
            keeps = getattr(job, "keeps", False)  # whether it writes a state
            moments = [moment for moment in MOMENTS if keeps or "state" not in moment]
            _due.append(moments[count(f"deaths {keeps}") % len(moments)])
    reached("job begun")

    def shown(epoch: int, accuracy: float) -> None:
        reached("epoch trained")
        on_epoch(epoch, accuracy)

    result = attempt(job, run, shown)
    reached("job done")
    return result


def _save(self: StatesFolder, *arguments: Any) -> None:
    """Write a state, or die before it has its name, or afterwards."""
    rename = Path.replace

    def replace(path: Path, target: Path) -> Path:
        reached("state written, not named")
        return rename(path, target)

    Path.replace = replace  # type: ignore[method-assign,assignment]
    try:
        save(self, *arguments)
    finally:
        Path.replace = rename  # type: ignore[method-assign]
    reached("state named")


save = StatesFolder.save
pool.attempt = _attempt  # type: ignore[attr-defined]
StatesFolder.save = _save  # type: ignore[method-assign,assignment]
