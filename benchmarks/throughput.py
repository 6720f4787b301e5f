"""How many trials a minute more workers make of an objective that takes half a second."""

import tempfile
import time
from pathlib import Path
from typing import Any

import archbuilder
from archbuilder import NetworkSpec
from archbuilder.searching import Event, TrialEnded
from archbuilder.training import CPU

SPACE = {"inception*.*": {"scale": [0.5, 2.0], "multiple_of": 4}}
WORKERS = 4


def half_second(spec: NetworkSpec) -> float:
    """Score a network after half a second, in which the processor is idle."""
    time.sleep(0.5)
    return -float(spec.plan().parameters)


def measure_throughput(trials: int = 40) -> tuple[float, float, float]:
    """Measure trials a second by one process, by four, and by the four workers of a local Dask cluster.

    The time runs from the end of the fourth trial, when all workers have started, to that of the last.
    """
    import distributed  # noqa: PLC0415 - an extra

    one, four = (_per_second(trials, machines=[CPU] * count) for count in (1, WORKERS))
    options = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:  # type: ignore[no-untyped-call]
        dask = _per_second(trials, executor=cluster.scheduler_address.replace("tcp", "dask", 1))
    return one, four, dask


def _per_second(trials: int, **options: Any) -> float:
    ends: list[float] = []

    def watch(event: Event) -> None:
        if isinstance(event, TrialEnded):
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        archbuilder.search(
            "inception_digits",
            SPACE,
            objective=half_second,
            budget={"macs": "80%"},
            trials=trials,
            search={"pruner": "none"},
            runs=Path(folder),
            observe=watch,
            **options,
        )
    return (trials - WORKERS) / (ends[-1] - ends[WORKERS - 1])


if __name__ == "__main__":
    one, four, dask = measure_throughput()
    print(f"{one:.2f} trials a second by one; {four / one:.2f} times by four processes, {dask / one:.2f} by Dask")
