"""Searches on a Dask cluster of real processes, which are killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.clusters import Cluster, cluster
from support.objectives import parameters
from support.tiny_studies import ONE_FINAL, STUDY, write_digits, write_study

import archbuilder
from archbuilder.searching import Event, Outcome, TrialEnded, run_study
from archbuilder.searching.opening import read_stored
from archbuilder.study import load_study

pytest.importorskip("distributed")
TEXT = (
    STUDY.replace("data: digits", "data: npz:digits.npz")
    .replace("trials: 8, seed: 3", "trials: 6, seed: 3, factor: 2, sampler: random")
    .replace("epochs: 3, batch_size: 256", "epochs: 4, batch_size: 64")
    + ONE_FINAL
)
is_slow = pytest.mark.skipif(not os.environ.get("ARCHBUILDER_TESTS_FAULTS"), reason="takes minutes: make faults")


@pytest.fixture
def dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "cluster").mkdir()
    with cluster(tmp_path / "cluster", 2) as made:
        yield made


def test_a_study_on_a_cluster_is_that_of_this_process_network_by_network(tmp_path: Path, dask: Cluster) -> None:
    path = write_study(tmp_path, TEXT)
    write_digits(tmp_path / "digits.npz")
    result = run_study(load_study(path), runs=tmp_path / "cluster" / "runs", executor=dask.address)
    here = run_study(load_study(path), runs=tmp_path / "here")
    assert result.tally.counted == here.tally.counted == 6
    assert all(row.test for row in result.rows)
    one, two = (
        {tuple(trial.values.items()): trial.accuracies for trial in each.record.trials.values() if trial.accuracies}
        for each in (result, here)
    )
    assert one.keys() & two.keys()
    for network in one.keys() & two.keys():
        both = min(len(one[network]), len(two[network]))
        assert one[network][:both] == two[network][:both]


@is_slow
def test_four_workers_finish_two_hundred_trials_with_a_killed_worker_and_a_restarted_scheduler(
    tmp_path: Path, dask: Cluster
) -> None:
    dask.add_worker()
    dask.add_worker()
    seen = set[int]()

    def watch(event: Event) -> None:
        if isinstance(event, TrialEnded):
            seen.add(event.trial.number)
            if len(seen) == 50:
                pid = int(next((tmp_path / "cluster").glob("pid-*")).name.partition("-")[2])
                os.kill(pid, signal.SIGKILL)
            if len(seen) == 120:
                dask.restart_scheduler()

    found = archbuilder.search(
        "inception_digits",
        {"inception*.*": {"scale": [0.5, 2], "multiple_of": 4}},
        objective=parameters,
        budget={"macs": "80%"},
        trials=200,
        search={"pruner": "none"},
        runs=tmp_path / "runs",
        executor=dask.address,
        observe=watch,
    )
    assert found.tally[Outcome.FINISHED] == 200
    assert not found.tally[Outcome.FAILED]
    record = read_stored(tmp_path / "runs" / "search").record
    # The baseline too, which is scored beside the first candidates.
    assert sorted(rung.order for trial in record.trials.values() for rung in trial.rungs) == list(range(201))
    for trial in record.counted:
        assert trial.accuracy == parameters(found.spec(trial))
