"""Jobs on clusters: an adapter for each kind starts and stops jobs, and what all of them need is here."""

import concurrent.futures
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, Protocol, TypeVar

from archbuilder import __version__
from archbuilder.errors import ArchbuilderError
from archbuilder.executors.worker import JobFunction, JobOutcome, WorkerLost, outcome_of, settle

T = TypeVar("T")
OnOutcome = Callable[[JobOutcome], None]
Cancel = Callable[[], object]
Errors = type[Exception] | tuple[type[Exception], ...]


class Cluster(Protocol):
    """Where jobs are done: an adapter, which is made of an address, the study's folder, and seconds to wait for it."""

    @property
    def gpus(self) -> Sequence[float]:
        """The number of GPUs of each worker now; jobs go to those that have any, where some do."""

    def start(self, job: JobFunction, on_outcome: OnOutcome) -> Cancel:
        """Start a job in a worker, where it is stopped if its coordinator is gone.

        Args:
            job: What is to be done; it can be pickled.
            on_outcome: Is called with what it returns, or with a `WorkerLost`, in any thread.

        Returns:
            What cancels it.

        Raises:
            ConnectionError: The connection is lost, and with it all jobs; the cluster is to be opened again.
        """

    def close(self) -> None:
        """Disconnect, after all jobs that are not done were canceled."""


class ClusterExecutor(Executor):
    """The jobs that one search has on a cluster."""

    def __init__(self, cluster: Cluster, threads: int | None, opened_again: Callable[[], Cluster]) -> None:
        """Use so many CPU threads a job; None leaves their number as it is in a worker."""
        self._cluster, self._threads, self._opened_again = cluster, threads, opened_again
        self._cancel: dict[Future[Any], Cancel] = {}

    @property
    def max_workers(self) -> int:
        """The number of workers that take jobs now, at least 1."""
        return max(1, sum(map(bool, self._cluster.gpus)) or len(self._cluster.gpus))

    @property
    def is_undisturbed(self) -> bool:
        """Whether each job has a GPU of its own."""
        return any(self._cluster.gpus)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a job done; where the connection to the cluster was lost, wait for it to come back."""
        future: Future[T] = Future()
        job = partial(outcome_of, partial(fn, *args, **kwargs), self._threads)
        try:
            cancel = self._cluster.start(job, partial(settle, future))
        except ConnectionError:
            self._end("the connection to its cluster was lost")
            self._cluster = self._opened_again()
            cancel = self._cluster.start(job, partial(settle, future))
        self._cancel[future] = cancel
        future.add_done_callback(self._forget)
        return future

    def _forget(self, future: Future[Any]) -> None:
        cancel = self._cancel.pop(future)
        if future.cancelled():
            cancel()
            future.set_running_or_notify_cancel()  # those who wait for it hear of it only then

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Disconnect: after all jobs, or at once if they are to be canceled."""
        if wait and not cancel_futures:
            concurrent.futures.wait(list(self._cancel))
        self._end("its search ended")

    def _end(self, reason: str) -> None:
        for cancel in list(self._cancel.values()):
            with suppress(Exception):  # the others are to be canceled all the same
                cancel()
        self._cluster.close()
        for future in list(self._cancel):
            settle(future, (None, WorkerLost(reason, is_fault_of_job=False)))


class _Adapter(NamedTuple):
    form: str  # of its addresses
    extra: str
    module: str
    name: str  # what opens one


_DASK = ("dask", "archbuilder.executors.dask_cluster", "DaskCluster")
_SUBMITIT = ("slurm", "archbuilder.executors.submitit_cluster", "open_submitit")
ADAPTERS = {
    "dask": _Adapter("dask://HOST:PORT", *_DASK),
    "tls": _Adapter("tls://HOST:PORT", *_DASK),
    "slurm": _Adapter("slurm:workers=N,time=TIME", *_SUBMITIT),
    "local": _Adapter("local:workers=N", *_SUBMITIT),
    "mpi": _Adapter("mpi", "mpi", "archbuilder.executors.mpi_cluster", "MpiCluster"),
}
"""The adapters, by the schemes of addresses."""


def open_cluster(address: str, folder: Path, patience: float = 15.0) -> Cluster:
    """Open a cluster.

    Args:
        address: Such as `dask://127.0.0.1:8786`.
        folder: The folder of the study.
        patience: The seconds within which it is to answer.

    Raises:
        ArchbuilderError: There is no such kind of clusters, its extra is not installed, or it cannot be reached.
    """
    scheme = address.partition(":")[0]
    if scheme not in ADAPTERS:
        forms = ", ".join(adapter.form for adapter in ADAPTERS.values())
        raise ArchbuilderError(f"--executor: found {address}, expected {forms}")
    _, extra, module, name = ADAPTERS[scheme]
    try:
        cluster: Cluster = getattr(import_module(module), name)(address, folder, patience)
    except ModuleNotFoundError as missing:
        needs = f"--executor {address} needs {missing.name}"
        raise ArchbuilderError(f"{needs}: pip install 'archbuilder[{extra}]'") from None
    except RuntimeError as error:
        raise ArchbuilderError(f"--executor {address}: {error}") from None
    return cluster


def options_of(address: str, *known: str) -> dict[str, str]:
    """Return what an address of the form `slurm:workers=16,time=60` says; only some options, if these are named.

    Raises:
        ArchbuilderError: It has another form.
    """
    options = dict[str, str]()
    for text in filter(None, address.partition(":")[2].split(",")):
        key, sign, value = text.partition("=")
        if not sign:
            raise ArchbuilderError(f"--executor {address}: found {text}, expected NAME=VALUE")
        options[key.strip()] = value.strip()
    if known and options.keys() - {*known}:
        kind = address.partition(":")[0]
        raise ArchbuilderError(f"--executor: found {address}, expected {kind} or {kind}:{'=1,'.join(known)}=1")
    return options


def hand_on(
    on_outcome: OnOutcome, kind: str, result: Callable[[], JobOutcome], *, killed: Errors = (), cut: Errors = ()
) -> None:
    """Hand on the outcome of a job, from a thread of its own: a lost connection may block what fetches it.

    Args:
        on_outcome: Is called with it.
        kind: The cluster's.
        result: Returns it, or raises a `WorkerLost`, or what says why a worker could not even begin.
        killed: What it raises where the worker is gone.
        cut: What it raises where the connection is lost.
    """

    def outcome() -> JobOutcome:
        try:
            return result()
        except WorkerLost as lost:
            return None, lost
        except killed as error:
            return None, WorkerLost(f"its {kind} worker is gone: {error}")
        except cut:
            return None, WorkerLost(f"the connection to the {kind} scheduler was lost", is_fault_of_job=False)
        except Exception as error:
            cause = error.__cause__ or error
            said = str(error) if isinstance(error, ArchbuilderError) else f"{type(cause).__name__}: {cause}"
            advice = f"workers need archbuilder {__version__} and the packages that are used here"
            return None, ArchbuilderError(f"{kind} cannot do jobs: {said}\n  {advice}")

    Thread(target=lambda: on_outcome(outcome()), daemon=True).start()
