"""A broken connection reaches nobody: what was written is there, and once."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.distributions import IntDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from support.patience import PATIENCE
from support.postgres import Server
from support.proxy import passing

from archbuilder.storage import StorageError, database, open_storage

Write = Callable[[BaseStorage, int, int], object]
WRITES: dict[str, tuple[Write, Callable[[BaseStorage, int, int], object], object]] = {
    "study": (
        lambda storage, study, trial: storage.create_new_study([StudyDirection.MINIMIZE], "two"),
        lambda storage, study, trial: [kept.study_name for kept in storage.get_all_studies()],
        ["one", "two"],
    ),
    "deleted study": (
        lambda storage, study, trial: storage.delete_study(study),
        lambda storage, study, trial: storage.get_all_studies(),
        [],
    ),
    "attribute of the study": (
        lambda storage, study, trial: storage.set_study_user_attr(study, "key", "value"),
        lambda storage, study, trial: storage.get_study_user_attrs(study),
        {"key": "value"},
    ),
    "trial": (
        lambda storage, study, trial: storage.create_new_trial(study, create_trial(state=TrialState.WAITING)),
        lambda storage, study, trial: [(kept.number, kept.state) for kept in storage.get_all_trials(study)],
        [(0, TrialState.WAITING), (1, TrialState.WAITING)],
    ),
    "trial without template": (
        lambda storage, study, trial: storage.create_new_trial(study),
        lambda storage, study, trial: [(kept.number, kept.state) for kept in storage.get_all_trials(study)],
        [(0, TrialState.WAITING), (1, TrialState.RUNNING)],
    ),
    "running": (
        lambda storage, study, trial: storage.set_trial_state_values(trial, TrialState.RUNNING),
        lambda storage, study, trial: storage.get_trial(trial).state,
        TrialState.RUNNING,
    ),
    "complete": (
        lambda storage, study, trial: storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.5]),
        lambda storage, study, trial: (storage.get_trial(trial).state, storage.get_trial(trial).values),
        (TrialState.COMPLETE, [0.5]),
    ),
    "parameter": (
        lambda storage, study, trial: storage.set_trial_param(trial, "x", 3.0, IntDistribution(0, 9)),
        lambda storage, study, trial: storage.get_trial(trial).params,
        {"x": 3},
    ),
    "intermediate value": (
        lambda storage, study, trial: storage.set_trial_intermediate_value(trial, 1, 0.5),
        lambda storage, study, trial: storage.get_trial(trial).intermediate_values,
        {1: 0.5},
    ),
    "attribute of the trial": (
        lambda storage, study, trial: storage.set_trial_user_attr(trial, "key", [1]),
        lambda storage, study, trial: storage.get_trial(trial).user_attrs,
        {"key": [1]},
    ),
}
RETURNED = {"study": 2, "trial": 2, "trial without template": 2, "running": True, "complete": True}


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PAUSES", (0.02, 0.2))


def test_a_lost_answer_writes_nothing_twice(server: Server, tmp_path: Path) -> None:
    for number, (name, (write, read, expected)) in enumerate(WRITES.items()):
        told: list[str] = []
        server.create(f"lost{number}")
        with passing(server.port) as proxy:
            storage = open_storage(server.url(f"lost{number}", port=proxy.port), tmp_path, tell=told.append)
            study = storage.create_new_study([StudyDirection.MAXIMIZE], "one")
            trial = storage.create_new_trial(study, create_trial(state=TrialState.WAITING))
            proxy.lose_next_commit()
            returned = write(storage, study, trial)
            assert proxy.lost == 1, name
            assert len(told) == 2, name
        assert "connection lost, trying again: " in told[0]
        assert "connected again after 0 seconds" in told[1]
        assert returned == RETURNED.get(name), name
        assert read(open_storage(server.url(f"lost{number}"), tmp_path), study, trial) == expected, name


def test_a_restarted_server_loses_and_repeats_nothing(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = server.create("restarted")
    storage = open_storage(url, tmp_path)
    study = storage.create_new_study([StudyDirection.MAXIMIZE], "one")
    ended = threading.Event()
    written: list[tuple[int, int]] = []

    def write() -> None:
        while not ended.is_set():
            trial = storage.create_new_trial(
                study, create_trial(state=TrialState.WAITING, user_attrs={"n": len(written)})
            )
            assert storage.set_trial_state_values(trial, TrialState.RUNNING)
            for step in (1, 2, 3):
                storage.set_trial_intermediate_value(trial, step, step / 4)
            storage.set_trial_user_attr(trial, "seconds", 0.5)
            assert storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.75])
            storage.set_study_user_attr(study, "written", len(written))
            written.append((trial, storage.get_trial_number_from_id(trial)))

    failures: list[BaseException] = []

    def keep_writing() -> None:
        try:
            write()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=keep_writing)
    thread.start()
    moments = random.Random(0)
    for _ in range(3):
        time.sleep(moments.uniform(0.1, 0.4))
        before = len(written)
        server.control("restart", "-m", "immediate")
        until = time.monotonic() + PATIENCE
        while len(written) < before + 3 and not failures and time.monotonic() < until:
            time.sleep(0.02)
    ended.set()
    thread.join()
    assert not failures
    trials = open_storage(url, tmp_path).get_all_trials(study)
    assert len(trials) == len(written) > 9
    for number, trial in enumerate(trials):
        assert (trial.number, trial.user_attrs) == (number, {"n": number, "seconds": 0.5})
        assert (trial.state, trial.values) == (TrialState.COMPLETE, [0.75])
        assert trial.intermediate_values == {1: 0.25, 2: 0.5, 3: 0.75}
    assert capfd.readouterr() == ("", "")


def test_a_server_that_stays_away_ends_in_one_line(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.create("away")
    monkeypatch.setattr(database, "PATIENCE", 0.3)
    with passing(server.port) as proxy:
        storage = open_storage(server.url("away", port=proxy.port), tmp_path)
        study = storage.create_new_study([StudyDirection.MAXIMIZE], "one")
        proxy.lose_next_commit()
        proxy.close()
        expected = (
            r"^postgresql\+psycopg://tester@127.0.0.1:\d+/away: no connection for 0 minutes: .*; run the same .*$"
        )
        with pytest.raises(StorageError, match=expected):
            storage.set_study_user_attr(study, "key", 1)
