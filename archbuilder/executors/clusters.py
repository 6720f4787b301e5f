"""Jobs on clusters: an adapter for each kind starts and stops jobs, and what all of them need is here."""

import concurrent.futures
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from archbuilder import __version__
from archbuilder.errors import ArchbuilderError
from archbuilder.executors.worker import JobOutcome, WorkerLost, outcome_of, settle

T = TypeVar("T")
OnOutcome = Callable[[JobOutcome], None]


class Cluster(Protocol):
    """Where jobs are done: an adapter. It is made of an address and the folder of the study."""

    @property
    def gpus(self) -> Sequence[float]:
        """The number of GPUs of each worker now; jobs go to those that have any, where some do."""

    def start(self, job: Callable[[], JobOutcome], on_outcome: OnOutcome) -> Callable[[], object]:
        """Start a job in a worker, where it is stopped if its coordinator is gone.

        Args:
            job: What is to be done; it can be pickled, and never raises.
            on_outcome: Is called with what it returns, or with a `WorkerLost`, in any thread.

        Returns:
            What cancels it.
        """

    def close(self) -> None:
        """Disconnect; jobs that are not done are stopped."""


class ClusterExecutor(Executor):
    """The jobs that one search has on a cluster."""

    def __init__(self, cluster: Cluster, threads: int | None) -> None:
        """Use so many CPU threads a job; None leaves their number as it is in a worker."""
        self._cluster, self._threads = cluster, threads
        self._cancel: dict[Future[Any], Callable[[], object]] = {}

    @property
    def max_workers(self) -> int:
        """The number of workers that take jobs now, at least 1."""
        return max(1, sum(map(bool, self._cluster.gpus)) or len(self._cluster.gpus))

    @property
    def is_undisturbed(self) -> bool:
        """Whether each job has a GPU of its own."""
        return any(self._cluster.gpus)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a job done."""
        future: Future[T] = Future()
        job = partial(outcome_of, partial(fn, *args, **kwargs), self._threads)
        self._cancel[future] = self._cluster.start(job, partial(settle, future))
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
        self._cluster.close()
        for future in list(self._cancel):
            settle(future, (None, WorkerLost("its search ended", is_fault_of_job=False)))


class _Adapter(NamedTuple):
    form: str  # of its addresses
    extra: str
    module: str
    name: str


_DASK = ("dask", "archbuilder.executors.dask_cluster", "DaskCluster")
_SUBMITIT = ("slurm", "archbuilder.executors.submitit_cluster", "SubmititCluster")
ADAPTERS = {
    "dask": _Adapter("dask://HOST:PORT", *_DASK),
    "tls": _Adapter("tls://HOST:PORT", *_DASK),
    "slurm": _Adapter("slurm:workers=N,time=TIME", *_SUBMITIT),
    "local": _Adapter("local:workers=N", *_SUBMITIT),
    "mpi": _Adapter("mpi", "mpi", "archbuilder.executors.mpi_cluster", "MpiCluster"),
}
"""The adapters, by the schemes of addresses."""


def open_cluster(address: str, folder: Path) -> Cluster:
    """Open a cluster.

    Args:
        address: Such as `dask://127.0.0.1:8786`.
        folder: The folder of the study.

    Raises:
        ArchbuilderError: There is no such kind of clusters, its extra is not installed, or it cannot be reached.
    """
    scheme = address.partition(":")[0]
    if scheme not in ADAPTERS:
        forms = ", ".join(adapter.form for adapter in ADAPTERS.values())
        raise ArchbuilderError(f"--executor: found {address}, expected {forms}")
    _, extra, module, name = ADAPTERS[scheme]
    try:
        cluster: Cluster = getattr(import_module(module), name)(address, folder)
    except ModuleNotFoundError as missing:
        needs = f"--executor {address} needs {missing.name}"
        raise ArchbuilderError(f"{needs}: pip install 'archbuilder[{extra}]'") from None
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


def hand_on(on_outcome: OnOutcome, kind: str, result: Callable[[], JobOutcome]) -> None:
    """Hand on the outcome of a job; what is raised comes from the cluster, or from a worker that cannot even begin.

    Args:
        on_outcome: Is called with it.
        kind: The cluster's.
        result: Returns it, or raises a `WorkerLost`, or an `ArchbuilderError` that says why a worker could not begin.
    """
    try:
        outcome = result()
    except WorkerLost as lost:
        outcome = None, lost
    except Exception as error:
        cause = error.__cause__ or error
        said = str(error) if isinstance(error, ArchbuilderError) else f"{type(cause).__name__}: {cause}"
        advice = f"workers need archbuilder {__version__} and the packages that are used here"
        outcome = None, ArchbuilderError(f"{kind} cannot do jobs: {said}\n  {advice}")
    on_outcome(outcome)
