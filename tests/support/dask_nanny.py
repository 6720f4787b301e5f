"""A preload of Dask's nannies: a worker that is started again is forked from a process that has loaded torch."""

import multiprocessing

from distributed import utils

multiprocessing.get_context("forkserver").set_forkserver_preload(
    ["distributed", "archbuilder.trials.runner", "torch._dynamo"]
)
utils._forkserver_preload_set = True
