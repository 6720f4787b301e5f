"""Start processes: readers of images, and workers of a search."""

import multiprocessing
from multiprocessing.context import ForkServerContext, SpawnContext


def process_context(*preload: str) -> ForkServerContext | SpawnContext:
    """Return the context that starts processes with modules loaded.

    Where possible, a server that has loaded the modules forks them: a fork of this process would copy its threads and
    their locks. A process has one such server; the first that is started decides what it has loaded.

    Args:
        preload: The names of the modules, such as `__name__`.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*preload])
    return context
