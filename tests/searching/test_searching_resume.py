"""Whatever interrupts a study, it goes on from its last finished trial as if nothing had been."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from archbuilder import ArchbuilderError
from archbuilder.searching import EpochEnded, Event, Outcome, TrialRecord, fitting
from archbuilder.searching.journal import open_journal
from archbuilder.searching.proposals import PRUNERS
from searching.tiny_studies import SPEC, STUDY, a_study, outline, run, write_study

# Hyperband has two brackets here, and TPE stops proposing blindly after ten trials of a bracket, over budget or not.
LONG = STUDY.replace("trials: 8", "trials: 16").replace("20k", "15k")


class _AfterEpochs:
    """Interrupts when so many epochs have been trained."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            self._left -= 1
            if not self._left:
                raise KeyboardInterrupt


def saved(runs: Path, study: str = LONG) -> list[TrialRecord]:
    loaded = a_study(runs, study)
    with open_journal(loaded, runs / loaded.name) as journal:
        return journal.record().trials


def test_an_interrupted_study_proposes_what_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
    run(a_study(whole, LONG), whole)
    for epochs in (2, 5, 6, 4):  # the first of them within the baseline
        with pytest.raises(KeyboardInterrupt):
            run(a_study(cut, LONG), cut, observe=_AfterEpochs(epochs))
    run(a_study(cut, LONG), cut)
    expected = saved(whole)
    assert outline(saved(cut)) == outline(expected)
    outcomes = {trial.outcome for trial in expected}
    assert {Outcome.FINISHED, Outcome.PRUNED, Outcome.OVER_BUDGET} <= outcomes  # or this would have shown little
    assert sum(trial.outcome is not Outcome.BASELINE for trial in expected) > 20
    assert [trial.number for trial in saved(cut)] != [trial.number for trial in expected]


def test_a_study_that_goes_on_longer_proposes_what_a_longer_one_does(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    run(study, tmp_path / "short", trials=2)
    _, more = run(study, tmp_path / "short", trials=5)
    _, all_at_once = run(study, tmp_path / "long", trials=5)
    assert outline(all_at_once)[-len(more) :] == outline(more)


def test_a_finished_study_trains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = a_study(tmp_path)
    run(study, tmp_path, trials=2)
    for builds in ("first_network", "trained_network"):  # to be trained, to be measured
        monkeypatch.setattr(fitting, builds, None)
    _, trials = run(study, tmp_path, trials=2)
    assert trials == []


def test_the_seed_decides_what_is_proposed(tmp_path: Path) -> None:
    def proposals(seed: int) -> list[dict[str, int]]:
        study = a_study(tmp_path, STUDY.replace("seed: 3", f"seed: {seed}"))
        return [dict(trial.widths) for trial in run(study, tmp_path / str(seed), trials=1)[1]]

    assert proposals(1)[0] != proposals(2)[0]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
@pytest.mark.parametrize("pruner", ["hyperband", "none"])
def test_every_sampler_goes_with_every_pruner(tmp_path: Path, sampler: str, pruner: str) -> None:
    search = f"search: {{trials: 2, sampler: {sampler}, pruner: {pruner}, threads: 1}}"
    study = a_study(tmp_path, STUDY.replace("search: {trials: 8, seed: 3, threads: 1}", search))
    assert run(study, tmp_path)[0].tally.counted == 2


def test_without_a_pruner_nothing_is_pruned(tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY.replace("seed: 3", "pruner: none"))
    assert run(study, tmp_path, trials=5)[0].tally[Outcome.PRUNED] == 0


def test_lost_trials_take_no_turn_in_hyperbands_brackets() -> None:
    optuna_study = optuna.create_study(study_name="brackets", direction="maximize")
    trials = [optuna.trial.create_trial(value=0.5) for _ in range(30)]
    for number, trial in enumerate(trials):
        trial.number = number
    plain, losing = (PRUNERS["hyperband"](9, lost) for lost in ((), (3, 4, 17)))
    assert isinstance(plain, optuna.pruners.HyperbandPruner)
    assert isinstance(losing, optuna.pruners.HyperbandPruner)
    brackets = [plain._get_bracket_id(optuna_study, trial) for trial in trials]
    kept = [trial for trial in trials if trial.number not in (3, 4, 17)]
    assert [losing._get_bracket_id(optuna_study, trial) for trial in kept] == brackets[: len(kept)]
    assert losing._get_bracket_id(optuna_study, trials[3]) == -1
    assert len(set(brackets)) == 3


CHILD = """
import sys
from pathlib import Path
from archbuilder.searching import load_study
from searching.tiny_studies import run
run(load_study(sys.argv[1]), Path(sys.argv[2]), observe=lambda event: print(type(event).__name__, flush=True))
"""


def test_a_killed_study_keeps_every_finished_trial_and_repeats_none(tmp_path: Path) -> None:
    path, moments = write_study(tmp_path, LONG), random.Random(5)
    finished: list[TrialRecord] = []
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        ) as child:
            assert child.stdout is not None
            epochs = moments.randint(3, 9)
            while epochs and (line := child.stdout.readline()):
                epochs -= line.startswith("EpochEnded")
            assert child.poll() is None, "it was to be killed while it ran"
            try:
                child.wait(moments.uniform(0, 0.1))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
        now = saved(tmp_path)
        assert outline(now)[: len(finished)] == outline(finished)
        finished = now
    assert finished
    run(a_study(tmp_path, LONG), tmp_path)
    end = saved(tmp_path)
    assert outline(end)[: len(finished)] == outline(finished)
    trained = [tuple(trial.widths.items()) for trial in end if trial.accuracies and trial.same_as is None]
    assert len(trained) == len(set(trained))
    (tmp_path / "whole").mkdir()
    _, uninterrupted = run(a_study(tmp_path / "whole", LONG), tmp_path / "whole")
    assert outline(end)[-len(uninterrupted) :] == outline(uninterrupted)


def test_a_line_cut_short_and_a_lock_left_behind_are_mended(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    run(study, tmp_path, trials=1)
    journal = tmp_path / study.name / "journal.log"
    with journal.open("a") as file:
        file.write('{"op_code":5,"worker_id":"half a li')
    (tmp_path / study.name / "journal.log.lock").touch()
    assert run(study, tmp_path, trials=2)[0].tally.counted == 2


def test_a_damaged_journal_is_an_error_with_its_place(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    run(study, tmp_path, trials=1)
    journal = tmp_path / study.name / "journal.log"
    journal.write_bytes(b"not json\n" + journal.read_bytes())
    with pytest.raises(
        ArchbuilderError, match=r"journal\.log: is damaged and cannot be read .*; delete .*tiny-widths to"
    ):
        run(study, tmp_path)


def test_two_processes_cannot_run_one_study(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    with (
        open_journal(study, tmp_path / study.name),
        pytest.raises(ArchbuilderError, match=r"^tiny-widths in .* is running already, in process \d+; wait for it"),
    ):
        run(study, tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ArchbuilderError, match="runs"):
        run(a_study(tmp_path), tmp_path / "runs")


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("epochs: 3", "epochs: 4", r"train\.epochs was 3 and is 4 now"),
        ("20k", "21k", r"budget\.macs was 20,000 and is 21,000 now"),
        ("macs: 20k", "macs: 20k, parameters: 9k", r"budget\.parameters was not there and is 9,000 now"),
        ("3.0]", "4.0]", r"space\.mix\.1x1 was 2 to 12 by 2 and is 2 to 16 by 2 now"),
        ('"mix.*"', '"mix.1x1"', r"space\.mix\.3x3red was 2 to 12 by 2 and is not there now"),
        ("seed: 3", "seed: 4", r"search\.seed was 3 and is 4 now"),
        ("seed: 3", "seed: 3, pruner: none", r"search\.pruner was hyperband and is none now"),
    ],
)
def test_another_study_of_the_same_name_is_refused(tmp_path: Path, old: str, new: str, difference: str) -> None:
    with open_journal(a_study(tmp_path), tmp_path / "tiny-widths"):
        pass
    assert old in STUDY
    with pytest.raises(ArchbuilderError, match=difference) as caught:
        run(a_study(tmp_path, STUDY.replace(old, new)), tmp_path)
    message = str(caught.value)
    assert "study.yaml: " in message
    assert "holds trials of a study of this name that was another" in message
    assert "change the name in" in message
    assert f"or delete {tmp_path / 'tiny-widths'} to start over" in message


def test_another_spec_is_refused_with_the_line_that_differs(tmp_path: Path) -> None:
    with open_journal(a_study(tmp_path), tmp_path / "tiny-widths"):
        pass
    changed = SPEC.replace("kernel: 3, stride: 2", "kernel: 5, stride: 2")
    with pytest.raises(
        ArchbuilderError, match=r"spec line \d+ was - \{name: stem, .*kernel: 3.* and is .*kernel: 5.* now"
    ):
        run(a_study(tmp_path, spec=changed), tmp_path)


def test_comments_layout_and_description_of_the_spec_may_change(tmp_path: Path) -> None:
    with open_journal(a_study(tmp_path), tmp_path / "tiny-widths"):
        pass
    assert "and another" in SPEC
    changed = "# new\ndescription: new\n" + SPEC.replace("and another", "changed").replace(", type:", ",  type:")
    with open_journal(a_study(tmp_path, spec=changed), tmp_path / "tiny-widths"):
        pass


def test_the_number_of_trials_and_the_comments_of_the_study_may_change(tmp_path: Path) -> None:
    with open_journal(a_study(tmp_path), tmp_path / "tiny-widths"):
        pass
    with open_journal(a_study(tmp_path, "# new\n" + STUDY.replace("trials: 8", "trials: 9")), tmp_path / "tiny-widths"):
        pass


def test_a_trial_that_was_running_is_lost_and_does_not_count(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path, observe=_AfterEpochs(4))
    with open_journal(study, tmp_path / study.name) as journal:
        assert len(journal.lost()) == 1
        assert journal.record().tally().counted == 0
