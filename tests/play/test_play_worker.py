"""A process that answers within a time limit."""

import os
import time
from collections.abc import Iterator

import pytest
from support.patience import PATIENCE

from archbuilder.errors import ArchbuilderError
from archbuilder.play.analysis import Look, Text, analyze
from archbuilder.play.worker import TooSlowError, UnwantedError, Worker


def fails() -> None:
    raise ArchbuilderError("a spec is wrong")


def is_broken() -> None:
    raise ZeroDivisionError("a fault")


def dies() -> None:
    os._exit(9)


def takes_all_memory() -> int:
    return len(bytearray(1 << 34))


@pytest.fixture
def worker() -> Iterator[Worker]:
    process = Worker(largest=1 << 32)
    yield process
    process.close()


def test_it_answers_says_what_is_wrong_and_goes_on(worker: Worker) -> None:
    assert worker.ask(PATIENCE, analyze, Text("x", "layers:"), Look()).marks
    first = worker.ask(PATIENCE, os.getpid)
    assert first != os.getpid()
    with pytest.raises(ArchbuilderError, match="a spec is wrong"):
        worker.ask(PATIENCE, fails)
    with pytest.raises(ArchbuilderError, match="archbuilder failed: ZeroDivisionError: a fault"):
        worker.ask(PATIENCE, is_broken)
    with pytest.raises(ArchbuilderError, match="memory is full"):
        worker.ask(PATIENCE, takes_all_memory)
    assert worker.ask(PATIENCE, os.getpid) == first
    with pytest.raises(ArchbuilderError, match="the process that plans has ended"):
        worker.ask(PATIENCE, dies)
    assert worker.ask(PATIENCE, os.getpid) != first


def test_what_takes_too_long_is_ended(worker: Worker) -> None:
    first = worker.ask(PATIENCE, os.getpid)
    with pytest.raises(TooSlowError, match=r"given up after 0\.2 seconds"):
        worker.ask(0.2, time.sleep, 1000)
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert worker.ask(PATIENCE, os.getpid) != first


def test_a_closed_one_refuses(worker: Worker) -> None:
    worker.close()
    with pytest.raises(ArchbuilderError, match="closing"):
        worker.ask(PATIENCE, os.getpid)


def test_an_answer_that_nobody_wants_any_more_is_given_up(worker: Worker) -> None:
    first = worker.ask(PATIENCE, os.getpid)
    with pytest.raises(UnwantedError):
        worker.ask(PATIENCE, dies, is_wanted=lambda: False)
    assert worker.ask(PATIENCE, os.getpid) == first
    until = time.monotonic() + 0.5
    with pytest.raises(UnwantedError):
        worker.ask(PATIENCE, time.sleep, 1000, is_wanted=lambda: time.monotonic() < until)
    assert worker.ask(PATIENCE, os.getpid) != first
