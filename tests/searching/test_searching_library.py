"""`archbuilder.search`: any objective, under a budget, going on."""

import math
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from optuna.samplers import RandomSampler
from support.tiny_studies import SPEC, STUDY, a_study, few_digits

from archbuilder import ArchbuilderError
from archbuilder.data import SOURCES
from archbuilder.network_spec import NetworkSpec
from archbuilder.searching import Outcome, run_study
from archbuilder.searching.library import search
from archbuilder.searching.opening import read_stored

SPACE: dict[str, Any] = {"mix.*": {"scale": [0.5, 3.0], "multiple_of": 2}}


def spec() -> NetworkSpec:
    return NetworkSpec.from_text(SPEC, "tiny.yaml")


def few_parameters(one: NetworkSpec) -> float:
    return -float(one.plan().parameters)


def test_any_objective_is_searched_within_the_budget() -> None:
    result = search(spec(), SPACE, objective=few_parameters, budget={"macs": 10_000}, trials=8)
    assert result.tally.counted == 8
    assert all(trial.cost["macs"] <= 10_000 for trial in result.record.counted)
    best = result.best(1)[0]
    assert best.accuracy == few_parameters(result.spec(best))


def test_a_search_goes_on_where_it_is_kept(tmp_path: Path) -> None:
    asked: list[NetworkSpec] = []

    def rate(one: NetworkSpec) -> float:
        asked.append(one)
        return few_parameters(one)

    for trials in (3, 7):
        result = search(spec(), SPACE, objective=rate, trials=trials, runs=tmp_path)
    assert len(asked) == 1 + result.tally.counted == 8
    with pytest.raises(ArchbuilderError, match=r"its objective is a Python function; resume it with archbuilder"):
        run_study(read_stored(tmp_path / "search").study, runs=tmp_path)


@pytest.mark.parametrize("arguments", [{}, {"objective": few_parameters, "data": "digits"}])
def test_what_rates_is_either_data_or_an_objective(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArchbuilderError, match="expected either data, to train candidates on, or an objective"):
        search(spec(), SPACE, **arguments)


def test_an_objective_goes_with_nothing_else_that_scores(tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY)
    with pytest.raises(ArchbuilderError, match="it maximizes val_accuracy, but an objective is given"):
        run_study(study, runs=tmp_path / "runs", objective=few_parameters)
    with pytest.raises(ArchbuilderError, match=r"search\.proxy scores networks on data; remove it"):
        search(spec(), SPACE, objective=few_parameters, search={"proxy": {"score": "synflow"}})
    assert not (tmp_path / "runs").exists()


def test_a_sampler_of_python_is_told_of_every_trial_that_ends() -> None:
    told: list[int] = []

    class Listening(RandomSampler):
        def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
            told.append(trial.number)

    search(spec(), SPACE, objective=few_parameters, sampler=Listening(seed=0), trials=3, search={"pruner": "none"})
    assert told == [0, 1, 2, 3]


@pytest.mark.parametrize(("value", "kind"), [(math.nan, "no score"), (None, "KeyError")])
def test_an_objective_that_fails_once_in_a_while_is_recorded(value: float | None, kind: str) -> None:
    asked: list[NetworkSpec] = []

    def rate(one: NetworkSpec) -> float:
        asked.append(one)
        if len(asked) % 3:
            return few_parameters(one)
        if value is None:
            raise KeyError("odd")
        return value

    result = search(spec(), SPACE, objective=rate, trials=6)
    failed = [trial for trial in result.record.trials.values() if trial.outcome is Outcome.FAILED]
    assert failed
    assert {trial.kind for trial in failed} == {kind}


def test_an_objective_that_always_fails_is_an_error_that_names_the_baseline() -> None:
    with pytest.raises(
        ArchbuilderError, match=r"^the baseline failed \(no score\): the objective gave nan, expected a finite number"
    ):
        search(spec(), SPACE, objective=lambda one: math.nan)


@pytest.mark.parametrize("latency", ["80%", 100])
def test_a_latency_cannot_bound_a_search_that_measures_nothing(latency: object) -> None:
    with pytest.raises(ArchbuilderError, match="latency"):
        search(spec(), SPACE, objective=few_parameters, budget={"latency": latency}, trials=2)


def test_an_objective_that_raises_an_error_of_ours_fails_a_candidate_alone() -> None:
    asked: list[NetworkSpec] = []

    def rate(one: NetworkSpec) -> float:
        asked.append(one)
        if len(asked) == 3:
            one.set({"nothing.here": 4})
        return few_parameters(one)

    result = search(spec(), SPACE, objective=rate, trials=4)
    (failed,) = [trial for trial in result.record.trials.values() if trial.outcome is Outcome.FAILED]
    assert failed.kind == "SpecError"
    assert "nothing.here" in failed.reason


@pytest.mark.parametrize("key", ["trials", "sampler", "seed"])
def test_an_argument_is_given_once(key: str) -> None:
    with pytest.raises(ArchbuilderError, match=rf"^search: {key} is an argument of its own: remove it from search="):
        search(spec(), SPACE, objective=few_parameters, search={key: 3})


def test_what_is_kept_nowhere_names_no_files() -> None:
    result = search(spec(), SPACE, objective=few_parameters, trials=2)
    assert result.best_specs == {}
    assert result.best_spec is None
    assert result.spec(result.best(1)[0]).plan().parameters == -result.best(1)[0].accuracy


def test_trainings_are_kept_in_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with patch.dict(SOURCES, {"digits": few_digits}):
        result = search(
            spec(),
            SPACE,
            data="digits",
            trials=1,
            name="mine",
            train={"epochs": 1},
            finals={"candidates": 1, "seeds": 1},
        )
    assert result.folder == Path("runs/mine")
    assert result.best_spec == Path("runs/mine/best.yaml")
    assert (tmp_path / "runs/mine/finals/trial-1/seed-1/best.safetensors").exists()
