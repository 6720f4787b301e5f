"""Latencies are measured where candidates are trained, while nothing else is done there."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.clusters import cluster
from support.timers import logged_timer
from support.tiny_studies import NO_FINALS, STUDY, write_digits, write_study

from archbuilder import ArchbuilderError
from archbuilder.executors.executor import JobExecutor, open_executor
from archbuilder.searching import run_study
from archbuilder.searching.opening import read_stored
from archbuilder.study import load_study
from archbuilder.training import CPU, Machine
from archbuilder.trials.pool import RemoteRunner

TEXT = (
    STUDY.replace("data: digits", "data: npz:digits.npz")
    .replace("{macs: 20k}", "{latency: 80%}\nlatency: {batch_size: 16, threads: 1}")
    .replace("epochs: 3", "epochs: 2")
    .replace("seed: 3", "seed: 3, sampler: random, pruner: none")
    + NO_FINALS
)


class Watched:
    """An executor that is watched: which trainings are under way when something is submitted."""

    def __init__(self, executor: JobExecutor) -> None:
        self.executor, self.is_undisturbed = executor, executor.is_undisturbed
        self.trainings: list[Future[Any]] = []
        self.beside_measurements, self.order = list[int](), ""  # t: a training is submitted, m: a measurement

    @property
    def max_workers(self) -> int:
        return self.executor.max_workers

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        under_way = sum(not future.done() for future in self.trainings)
        future = self.executor.submit(fn, *args, **kwargs)
        if isinstance(fn, RemoteRunner):
            self.trainings.append(future)
            self.order += "t"
        else:
            self.beside_measurements.append(under_way)
            self.order += "m"
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.executor.shutdown(wait, cancel_futures=cancel_futures)


@pytest.fixture(params=["processes", "dask"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | None]:
    if request.param == "processes":
        yield None
        return
    pytest.importorskip("distributed")
    with cluster(tmp_path / "cluster", 2) as made:
        yield made.address


def test_latencies_are_measured_by_workers_while_nothing_is_trained(
    tmp_path: Path, address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Watched] = []

    @contextmanager
    def watched(address: str | None, machines: Sequence[Machine], *more: Any) -> Iterator[Watched]:
        with open_executor(address, machines, *more) as executor:
            opened.append(Watched(executor))
            yield opened[-1]

    monkeypatch.setattr("archbuilder.searching.run.open_executor", watched)
    path, log = write_study(tmp_path, TEXT), tmp_path / "measured"
    write_digits(tmp_path / "digits.npz")
    study, timer = load_study(path), partial(logged_timer, log)
    result = run_study(study, runs=tmp_path, trials=4, machines=[CPU, CPU], timer=timer, executor=address)
    assert result.tally.counted == 4
    limit = result.study.budgets[0].limits.by_quantity["latency"].high
    assert all(trial.cost["latency"] <= limit for trial in result.record.counted)

    (executor,) = opened
    assert len(executor.trainings) == 5
    assert "tt" in executor.order  # both workers train, after all is measured
    assert set(executor.beside_measurements) == {0}
    measured = {int(pid) for pid in log.read_text().split()}
    assert os.getpid() not in measured

    folder = tmp_path / study.name
    assert read_stored(folder).study.conditions == "batch size 16 on cpu with 1 thread"
    read_stored(folder).put("latency measured with", "batch size 16 on another GPU")
    with pytest.raises(
        ArchbuilderError, match=r"with batch size 16 on another GPU\n  this would measure with .* on cpu"
    ):
        run_study(study, runs=tmp_path, trials=5, machines=[CPU, CPU], timer=timer, executor=address)
