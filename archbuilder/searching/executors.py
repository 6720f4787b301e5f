"""TEMPORARY"""

from concurrent.futures import Executor, Future
from contextlib import contextmanager

from archbuilder.training import torch_threads


class WorkerLost(Exception):
    def __init__(self, reason):
        self.reason = reason


class InThisProcess(Executor):
    max_workers = 1

    def __init__(self, threads=None):
        self.threads = threads

    def submit(self, fn, *args, **kw):
        f = Future()
        try:
            with torch_threads(self.threads):
                f.set_result(fn(*args, **kw))
        except Exception as e:
            f.set_exception(e)
        return f


def worker_machine(m):
    return m


def check_in_no_worker():
    pass


@contextmanager
def open_executor(address, machines, threads):
    yield InThisProcess(threads)
