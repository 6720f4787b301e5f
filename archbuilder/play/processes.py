"""The processes of a playground, and the threads that wait for them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle
from typing import Any

from archbuilder.play.worker import Worker

_PLANNERS = 2
_THREADS = 32  # they wait for processes that answer soon
_SLOW_THREADS = 4  # they wait for studies and disks, which must not hold up typing


class Processes:
    """Processes that documents share; each starts with its first question.

    Attributes:
        stepper: Answers what must not wait for a plan: the steps of sliders.
        linter: Runs the linter.
        reader: Reads studies and runs, and may import torch.
    """

    def __init__(self) -> None:
        self.stepper, self.linter, self.reader = Worker(), Worker(), Worker(largest=None)
        self._planners = [Worker() for _ in range(_PLANNERS)]
        self._next = cycle(self._planners)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="playground")
        self._slow = ThreadPoolExecutor(_SLOW_THREADS, thread_name_prefix="playground-slow")

    def planner(self) -> Worker:
        """Return a process that plans; documents that are opened one after the other have different ones."""
        return next(self._next)

    async def ask(
        self,
        worker: Worker,
        patience: float,
        function: Callable[..., Any],
        *arguments: Any,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Any:
        """Ask a process; raise as `Worker.ask`."""
        asking = partial(worker.ask, patience, function, *arguments, is_wanted=is_wanted)
        threads = self._slow if worker in (self.reader, self.linter) else self._threads
        return await asyncio.get_running_loop().run_in_executor(threads, asking)

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function that reads or writes files, in a thread: disks may be slow, and folders large."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def close(self) -> None:
        """End all processes."""
        for worker in (*self._planners, self.stepper, self.linter, self.reader):
            worker.close()
        self._threads.shutdown(wait=True)
        self._slow.shutdown(wait=True)
