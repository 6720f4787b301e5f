"""Signals that stop a run after its current step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """A flag that the run should stop after its current step.

    Attributes:
        asked: Whether a stop was requested.
    """

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Handle Ctrl-C and SIGTERM as stop requests while the body runs; a second Ctrl-C raises `KeyboardInterrupt`."""
    request = StopRequest()
    before: dict[signal.Signals, Any] = {}

    def take(number: int, frame: FrameType | None) -> None:
        if request.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.asked = True

    if threading.current_thread() is threading.main_thread():  # Python lets no other thread handle signals
        before = {number: signal.signal(number, take) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
