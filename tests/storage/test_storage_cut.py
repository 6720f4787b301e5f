"""A network that is cut for a minute: no call fails, nothing is lost, nothing is written twice."""

import subprocess
import sys
import time
from pathlib import Path

from support.namespaces import NEEDED, NETWORK, OUTSIDE, cut, namespace
from support.postgres import serving

from archbuilder.storage import open_storage

pytestmark = NEEDED
CHILD = """
import sys, time
from pathlib import Path
import optuna
from optuna.trial import TrialState, create_trial
from archbuilder.storage import hold, open_storage

def tell(sentence):
    print("told", sentence, flush=True)

optuna.logging.set_verbosity(optuna.logging.ERROR)
storage = open_storage(sys.argv[1], Path(sys.argv[2]), tell=tell)
with hold(storage, "one", Path(sys.argv[2])) as coordinator:
    for number in range(10_000):
        waiting = create_trial(state=TrialState.WAITING, user_attrs={"n": number})
        trial = storage.create_new_trial(coordinator.study_id, waiting)
        storage.set_trial_state_values(trial, TrialState.RUNNING)
        storage.set_trial_intermediate_value(trial, 1, 0.5)
        storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.5])
        print("written", number, flush=True)
        if Path(sys.argv[2], "end").exists():
            break
        time.sleep(0.01)
"""


def test_a_network_that_is_cut_for_a_minute_reaches_nobody(tmp_path: Path) -> None:
    with namespace() as inside, serving(NETWORK) as server:
        server.create("cut")
        command = ["ip", "netns", "exec", inside, sys.executable, "-c", CHILD]
        command += [server.url("cut", host=OUTSIDE), str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(20)]
            cut(60)
            back = time.monotonic()
            while not lines[-1].startswith("written") or len(lines) < 20 + 20:
                lines.append(child.stdout.readline())
                assert lines[-1], lines
            assert time.monotonic() - back < 60
            (tmp_path / "end").touch()
            lines += child.stdout.readlines()
        assert child.returncode == 0, lines
        written = [int(line.split()[1]) for line in lines if line.startswith("written")]
        told = [line for line in lines if line.startswith("told")]
        assert len(written) + len(told) == len(lines), lines
        storage = open_storage(server.url("cut"), tmp_path)
        trials = storage.get_all_trials(storage.get_study_id_from_name("one"))
        assert [trial.number for trial in trials] == written == [trial.user_attrs["n"] for trial in trials]
        assert all(trial.values == [0.5] and trial.intermediate_values == {1: 0.5} for trial in trials)
        print(f"back after {time.monotonic() - back:.1f} s:", *told)
