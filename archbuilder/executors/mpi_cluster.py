"""Jobs in the processes of an MPI program: `mpiexec -n 5 python -m mpi4py.futures -m archbuilder search …`."""

import sys
from functools import partial
from itertools import count
from pathlib import Path

from mpi4py import MPI
from mpi4py.futures import MPIPoolExecutor

from archbuilder.errors import ArchbuilderError
from archbuilder.executors.clusters import Cancel, OnOutcome, hand_on, options_of
from archbuilder.executors.worker import JobFunction, JobOutcome, done_while

_STOP = 7  # the tag of messages that stop a job
_numbers, _stopped = count(), set[int]()
_HOW = "mpiexec -n 5 python -m mpi4py.futures -m archbuilder search STUDY --executor mpi"


class MpiCluster:
    """The processes of this MPI program beside the first, which is the coordinator."""

    def __init__(self, address: str, folder: Path, patience: float) -> None:
        """Take the processes that mpi4py has; with `mpi:gpus=1`, each has a GPU."""
        has_gpus = "gpus" in options_of(address, "gpus")
        if MPI.COMM_WORLD.size == 1 or "mpi4py.futures" not in sys.orig_argv:
            raise ArchbuilderError(f"--executor {address}: start the search as an MPI program, such as\n  {_HOW}")
        self._pool = MPIPoolExecutor()
        self.gpus = [float(has_gpus)] * int(self._pool.num_workers)

    def start(self, job: JobFunction, on_outcome: OnOutcome) -> Cancel:
        """Start a job in a process that has none."""
        number = next(_numbers)
        asked = self._pool.submit(_do, number, job, any(self.gpus))
        asked.add_done_callback(lambda done: hand_on(on_outcome, "MPI", done.result))
        return partial(_stop, number)

    def close(self) -> None:
        """Leave the processes; they wait for others."""
        self._pool.shutdown()


def _stop(number: int) -> None:
    for rank in range(1, MPI.COMM_WORLD.size):
        MPI.COMM_WORLD.send(number, rank, _STOP)


def _do(number: int, job: JobFunction, gpu: bool) -> JobOutcome:
    def is_wanted() -> bool:
        while MPI.COMM_WORLD.iprobe(0, _STOP):
            _stopped.add(MPI.COMM_WORLD.recv(None, 0, _STOP))
        return number not in _stopped

    return done_while(is_wanted, job, gpu=gpu)
