"""What is written is read back by another process's storage, the same from every kind."""

import math
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from archbuilder.storage import open_storage
from storage.conftest import Place

DISTRIBUTIONS = {"stem": IntDistribution(4, 64, step=4), "type": CategoricalDistribution(["conv", "inception"])}
ATTRIBUTES: dict[str, Any] = {
    "integer": 3,
    "float": 0.1,
    "tiny": 5e-324,
    "string": "naïve “quotes” \n 100 % {braces}",
    "long": "x" * 5000,
    "boolean": True,
    "none": None,
    "list": [1, [2, "three"]],
    "object": {"cost": {"macs": 2**53}},
}


def test_what_is_written_is_read_back(storage: BaseStorage, place: Place) -> None:
    study_id = storage.create_new_study([StudyDirection.MAXIMIZE], "widths {of} 100 %")
    for key, value in ATTRIBUTES.items():
        storage.set_study_user_attr(study_id, key, value)
        storage.set_study_system_attr(study_id, key, value)
    params = {"stem": 12, "type": "inception"}
    waiting = create_trial(
        state=TrialState.WAITING, params=params, distributions=DISTRIBUTIONS, user_attrs=dict(ATTRIBUTES)
    )
    trial_id = storage.create_new_trial(study_id, waiting)
    assert storage.set_trial_state_values(trial_id, TrialState.RUNNING)
    for step, value in enumerate((0.5, math.inf, -0.25), start=1):
        storage.set_trial_intermediate_value(trial_id, step, value)
    storage.set_trial_intermediate_value(trial_id, 1, 0.75)
    storage.set_trial_user_attr(trial_id, "integer", 4)
    storage.set_trial_system_attr(trial_id, "rung", 1)
    storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [0.875])
    plain = storage.create_new_trial(study_id)
    storage.set_trial_param(plain, "stem", 16.0, DISTRIBUTIONS["stem"])
    for state in (TrialState.FAIL, TrialState.PRUNED, TrialState.WAITING):
        storage.create_new_trial(study_id, create_trial(state=state, value=0.5 if state == TrialState.PRUNED else None))

    found = open_storage(*place)
    assert [kept.study_name for kept in found.get_all_studies()] == ["widths {of} 100 %"]
    study_id = found.get_study_id_from_name("widths {of} 100 %")
    assert found.get_study_directions(study_id) == [StudyDirection.MAXIMIZE]
    assert found.get_study_user_attrs(study_id) == ATTRIBUTES == found.get_study_system_attrs(study_id)
    trials = found.get_all_trials(study_id)
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4]
    states = [TrialState.COMPLETE, TrialState.RUNNING, TrialState.FAIL, TrialState.PRUNED, TrialState.WAITING]
    assert [trial.state for trial in trials] == states
    first = trials[0]
    assert first.params == params
    assert first.distributions == DISTRIBUTIONS
    assert first.user_attrs == {**ATTRIBUTES, "integer": 4}
    assert first.system_attrs["rung"] == 1
    assert first.intermediate_values == {1: 0.75, 2: math.inf, 3: -0.25}
    assert first.values == [0.875]
    assert first.datetime_start is not None
    assert first.datetime_complete is not None
    assert trials[1].params == {"stem": 16}
    assert trials[3].value == 0.5
    assert found.get_best_trial(study_id).number == 0
    assert found.get_n_trials(study_id, TrialState.FAIL) == 1


def test_what_optuna_promises_of_a_storage(storage: BaseStorage) -> None:
    study_id = storage.create_new_study([StudyDirection.MAXIMIZE], "one")
    with pytest.raises(DuplicatedStudyError):
        storage.create_new_study([StudyDirection.MAXIMIZE], "one")
    with pytest.raises(KeyError):
        storage.get_study_id_from_name("two")
    trial_id = storage.create_new_trial(study_id)
    assert not storage.set_trial_state_values(trial_id, TrialState.RUNNING)  # it is running already
    storage.set_trial_state_values(trial_id, TrialState.FAIL)
    for state in (TrialState.COMPLETE, TrialState.FAIL):
        with pytest.raises(UpdateFinishedTrialError):
            storage.set_trial_state_values(trial_id, state)
    storage.delete_study(study_id)
    assert not storage.get_all_studies()


def test_optuna_itself_runs_a_study_in_it(storage: BaseStorage) -> None:
    sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=2)
    study = optuna.create_study(study_name="a", storage=storage, direction="maximize", sampler=sampler)
    study.enqueue_trial({"x": 3})
    study.optimize(lambda trial: -((trial.suggest_int("x", 0, 10) - 5) ** 2), n_trials=5)
    assert len(study.trials) == 5
    assert study.trials[0].params == {"x": 3}
    assert len({trial.number for trial in study.trials}) == 5
