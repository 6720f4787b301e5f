"""What all clusters need: jobs end with their connection, which is made again for the next."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from support.executor_tasks import double

from archbuilder.executors.clusters import ClusterExecutor, OnOutcome
from archbuilder.executors.worker import JobOutcome, WorkerLost


class FakeCluster:
    """A cluster that does jobs when it is told to, until its connection is lost."""

    gpus = (0.0, 0.0)

    def __init__(self) -> None:
        self.started: list[Callable[[], None]] = []
        self.canceled: list[int] = []
        self.is_lost, self.is_closed = False, False

    def start(self, job: Callable[[], JobOutcome], on_outcome: OnOutcome) -> Callable[[], object]:
        if self.is_lost:
            raise ConnectionError
        number = len(self.started)
        self.started.append(lambda: on_outcome(job()))

        def cancel() -> None:
            self.canceled.append(number)
            raise FileNotFoundError("scancel")

        return cancel

    def close(self) -> None:
        self.is_closed = True


def never() -> FakeCluster:
    raise AssertionError("it is open")


def reason_of(future: Future[Any]) -> str:
    raised = future.exception(0)
    assert isinstance(raised, WorkerLost)
    assert not raised.is_fault_of_job
    return raised.reason


def test_jobs_of_a_lost_connection_are_lost_and_the_next_is_done_by_another() -> None:
    first, second = FakeCluster(), FakeCluster()
    executor = ClusterExecutor(first, None, lambda: second)
    done, lost = executor.submit(double, 1), executor.submit(double, 2)
    first.started[0]()
    first.is_lost = True
    next_one = executor.submit(double, 3)
    assert first.is_closed
    assert done.result(0) == 2
    assert reason_of(lost) == "the connection to its cluster was lost"
    first.started[1]()  # what comes too late changes nothing
    second.started[0]()
    assert next_one.result(0) == 6


def test_jobs_are_canceled_at_the_end_although_one_cannot_be() -> None:
    cluster = FakeCluster()
    executor = ClusterExecutor(cluster, None, never)
    futures = [executor.submit(double, number) for number in range(3)]
    cluster.started[1]()
    executor.shutdown(cancel_futures=True)
    assert cluster.canceled == [0, 2]
    assert cluster.is_closed
    assert futures[1].result(0) == 2
    assert {reason_of(futures[0]), reason_of(futures[2])} == {"its search ended"}
