"""What workers are given to do in tests of executors: functions that every process can import."""

import os
import signal
import time
from pathlib import Path


def double(number: int) -> int:
    return 2 * number


def fail(text: str) -> None:
    raise ValueError(text)


def process() -> int:
    return os.getpid()


def wait_for(path: str, started: str) -> int:
    """Write the number of this process, and wait for a file."""
    Path(started).write_text(str(os.getpid()))
    while not Path(path).exists():
        time.sleep(0.01)
    return os.getpid()


def kill_itself_once(mark: str) -> str:
    """Kill the process that does this, unless it was done before."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"
