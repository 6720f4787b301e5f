"""What workers are given to do in tests of executors: functions that every process can import."""

import os
import signal
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import torch

from archbuilder.errors import ArchbuilderError
from archbuilder.executors.worker import worker_machine
from archbuilder.training import Machine


class ParticularError(ArchbuilderError):
    """An error that cannot be made from its text."""

    def __init__(self, file: str, line: int) -> None:
        super().__init__(f"{file}:{line}: odd")


def double(number: int) -> int:
    return 2 * number


def fail(text: str) -> None:
    raise ValueError(text)


def fail_with_a_lock() -> None:
    error = KeyError("odd")
    error.args = (*error.args, threading.Lock())
    raise error


def fail_particularly() -> None:
    raise ParticularError("net.yaml", 3)


def return_a_lock() -> object:
    return threading.Lock()


def process() -> int:
    return os.getpid()


def start_process() -> int | None:
    """Start a process, as readers of files are; return its status."""
    started = get_context("spawn").Process(target=int)
    started.start()
    started.join()
    return started.exitcode


def threads() -> int:
    return torch.get_num_threads()


def machine(default: Machine) -> Machine:
    return worker_machine(default)


def end_process(status: int) -> None:
    os._exit(status)


def wait_for(go: Path, started: Path) -> int:
    """Write the number of this process to a file, and wait for another; if it is interrupted, add that it was."""
    started.write_text(f"{os.getpid()}\n")
    try:
        while not go.exists():
            time.sleep(0.01)
    except BaseException as stop:
        started.write_text(f"{os.getpid()}\n{type(stop).__name__}\n")
        raise
    return os.getpid()


def kill_itself_once(mark: Path) -> str:
    """Kill the process that does this, unless it was done before."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"
