"""The journal: what is refused under an old name, and what is mended."""

import errno
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import optuna
import pytest
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from support.tiny_studies import NO_FINALS, SPEC, STUDY, a_study, few_digits, run, write_study

from archbuilder import ArchbuilderError
from archbuilder.data import SOURCES, RawData
from archbuilder.data.address import Address
from archbuilder.runs.lock import is_held
from archbuilder.searching import Outcome, read_result, run_study
from archbuilder.searching.candidates import Candidates
from archbuilder.searching.halving import Slot
from archbuilder.searching.opening import open_stored, read_stored
from archbuilder.storage.journal_file import JournalFile
from archbuilder.study import Study, load_study
from archbuilder.trials.runner import Runner
from archbuilder.trials.states import StatesFolder
from archbuilder.trials.trial import BASELINE

TEXT = STUDY.replace("epochs: 3", "epochs: 1") + NO_FINALS
UNREACHABLE = "{macs: {target: 12k, within: 1%}, parameters: {target: 1900, within: 1%}}"


def test_optuna_knows_what_its_values_are(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    with open_stored(study, tmp_path / study.name):
        pass
    storage = JournalStorage(JournalFileBackend(str(tmp_path / study.name / "journal.log")))
    assert optuna.load_study(study_name=study.name, storage=storage).metric_names == ["val_accuracy"]


def test_a_line_cut_short_and_what_was_left_behind_are_mended(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    run(study, tmp_path, trials=1)
    folder = tmp_path / study.name
    with (folder / "journal.log").open("a") as file:
        file.write('{"op_code":5,"worker_id":"half a li')
    for name in ("journal.log.lock", ".best.yaml.ab12_xyz", ".trials.csv.ab12_xyz"):
        (folder / name).touch()
    (folder / "states").mkdir(exist_ok=True)
    (folder / "states" / ".trial-1-epoch-1.safetensors.ab12_xyz").touch()
    assert run(study, tmp_path, trials=2)[0].tally.counted == 2
    assert not [path for path in folder.rglob("*") if path.name.startswith(".") or path.suffix == ".safetensors"]


@pytest.mark.parametrize("line", [1, 4, -1])
@pytest.mark.parametrize(
    ("written", "reason"),
    [(b"not json", "is not JSON"), (b'{"op_code":5,"wor', "is not JSON"), (b"[]", "is not an entry of a journal")],
)
def test_a_damaged_journal_is_an_error_with_its_line(
    tmp_path: Path, line: int, written: bytes, reason: str, begun_journal: bytes
) -> None:
    study = a_study(tmp_path, TEXT)
    stored = tmp_path / study.name / "journal.log"
    stored.parent.mkdir()
    lines = begun_journal.splitlines()
    lines[line - 1 if line > 0 else line] = written
    stored.write_bytes(b"\n".join(lines) + b"\n")
    number = line if line > 0 else len(lines)
    for read in (lambda: run(study, tmp_path), lambda: read_stored(stored.parent)):
        with pytest.raises(
            ArchbuilderError, match=rf"journal\.log: is damaged .*: line {number} {reason}\n.*delete .*"
        ):
            read()


@pytest.fixture(scope="module")
def begun_journal(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("begun")
    study = a_study(folder, TEXT)
    with open_stored(study, folder / "runs"):
        pass
    return (folder / "runs" / "journal.log").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits on the size of files")
@pytest.mark.parametrize("room", [0, 1, 40, 4000])
def test_a_journal_that_the_disk_has_no_room_for_says_so_and_stays_whole(tmp_path: Path, room: int) -> None:
    import resource  # noqa: PLC0415 - Windows has none

    study, folder = a_study(tmp_path, TEXT), tmp_path / "run"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = b""

    def fill() -> None:
        nonlocal before
        with open_stored(study, folder) as stored:
            before = (folder / "journal.log").read_bytes()
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, limits[1]))
            for number in range(100):
                stored.put("something", "x" * 100 + str(number))

    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.raises(ArchbuilderError, match=r"journal\.log: cannot be written: .*\n  .*run the same command"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    after = (folder / "journal.log").read_bytes()
    assert after.startswith(before)
    assert after.endswith(b"\n")
    with open_stored(study, folder) as stored:
        stored.put("something", "else")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_during_a_search_is_no_fault_of_the_program(tmp_path: Path, number: int) -> None:
    study = a_study(tmp_path, TEXT)

    def full(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    advice = "" if number == errno.EIO else "\n  free some .*, then run the same command again"
    message = f"journal\\.log: cannot be written: {os.strerror(number)}{advice}"
    with patch("optuna.storages.journal._file.os.fsync", full), pytest.raises(ArchbuilderError, match=message):
        run(study, tmp_path)


def test_an_open_journal_is_nobody_elses(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    with (
        open_stored(study, tmp_path / study.name),
        pytest.raises(ArchbuilderError, match=r"^tiny-widths in .* is already running, in process \d+; wait for it"),
    ):
        run(study, tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ArchbuilderError, match="runs"):
        run(a_study(tmp_path, TEXT), tmp_path / "runs")


def test_other_images_under_an_old_study_are_refused(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    run(study, tmp_path, trials=1)

    def other(address: Address) -> RawData:
        digits = few_digits(address)
        return replace(digits, train=digits.train.take(torch.arange(280)))

    with (
        patch.dict(SOURCES, {"digits": other}),
        pytest.raises(ArchbuilderError, match=r"holds trials on different images of digits\n  there were 2"),
    ):
        run_study(study, runs=tmp_path, trials=2)


def begun(study: Study, folder: Path) -> None:
    """Begin a study whose baseline has been trained."""
    with open_stored(study, folder) as stored:
        Candidates(stored).baseline()
        stored.train(BASELINE, (0.5,), 1.0)
        stored.end(BASELINE, Outcome.BASELINE)


def test_another_study_of_the_same_name_is_refused(tmp_path: Path) -> None:
    begun(a_study(tmp_path, TEXT), tmp_path / "tiny-widths")
    with pytest.raises(ArchbuilderError, match=r"budget\.macs was 20,000 and is 21,000 now") as caught:
        run(a_study(tmp_path, TEXT.replace("20k", "21k")), tmp_path)
    assert "holds trials of a different study of this name" in str(caught.value)
    assert f"or delete {tmp_path / 'tiny-widths'} to start over" in str(caught.value)


@pytest.mark.parametrize("choices", ["[4, 8, 16]", "{scale: [0.5, 3], multiple_of: 2}"])
def test_steps_of_a_tie_that_changed_between_its_ends_are_refused(tmp_path: Path, choices: str) -> None:
    rule = choices if "scale" in choices else f"{{choices: {choices}}}"
    text = TEXT.replace("{scale: [0.5, 3.0], multiple_of: 2}", rule.replace("}", ", tie: true}"))
    begun(a_study(tmp_path, text), tmp_path / "tiny-widths")
    other = text.replace("[4, 8, 16]", "[4, 12, 16]").replace("multiple_of: 2", "multiple_of: 4")
    with pytest.raises(ArchbuilderError, match=r"space\.mix\.\*\.mix\.1x1 was .* and is .* now"):
        run(a_study(tmp_path, other), tmp_path)


def test_a_study_that_nothing_was_trained_of_may_be_mended(tmp_path: Path) -> None:
    wrong = a_study(tmp_path, TEXT.replace("macs: 20k", "latency: 2us"))
    with pytest.raises(ArchbuilderError, match="no candidate can be projected onto 2 µs of latency"):
        run(wrong, tmp_path, timer=lambda plan, machine, batch_size: plan.macs)
    result, _ = run(a_study(tmp_path, TEXT.replace("epochs: 1", "epochs: 2")), tmp_path, trials=1)
    assert result.tally.counted == 1
    assert read_stored(tmp_path / "tiny-widths").study.settings.train.epochs == 2


def test_another_spec_is_refused_with_the_line_that_differs(tmp_path: Path) -> None:
    begun(a_study(tmp_path, TEXT), tmp_path / "tiny-widths")
    changed = SPEC.replace("kernel: 3, stride: 2", "kernel: 5, stride: 2")
    with pytest.raises(ArchbuilderError, match=r"the spec had - \{name: stem, .*kernel: 3.* and has .*kernel: 5.* now"):
        run(a_study(tmp_path, TEXT, changed), tmp_path)


def test_a_study_that_is_named_by_its_file_is_read_back(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT.replace("name: tiny-widths\n", ""))
    with open_stored(study, tmp_path / study.name):
        pass
    assert read_stored(tmp_path / study.name).study.name == study.name == "study"


def test_comments_and_the_number_of_trials_may_change(tmp_path: Path) -> None:
    begun(a_study(tmp_path, TEXT), tmp_path / "tiny-widths")
    changed = "# new\ndescription: new\n" + SPEC.replace("and another", "changed").replace(", type:", ",  type:")
    longer = "# new\n" + TEXT.replace("trials: 8", "trials: 9")
    with open_stored(a_study(tmp_path, longer, changed), tmp_path / "tiny-widths"):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows kills otherwise")
@pytest.mark.parametrize("writes", range(1, 12))
def test_a_search_that_is_killed_after_any_of_its_writes_is_read_back(tmp_path: Path, writes: int) -> None:
    study, folder = a_study(tmp_path, TEXT), tmp_path / "run"
    begun(study, folder)
    pid = os.fork()
    if not pid:
        try:
            with open_stored(study, folder) as stored, kill_after(writes):
                trial = Candidates(stored).next(Slot(0, 0))
                assert trial is not None
                stored.train(trial.number, (0.25,), 1.0)
                stored.end(trial.number, Outcome.FINISHED)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    with open_stored(study, folder) as stored:
        candidates = Candidates(stored)
        trial = stored.record.trials.get(1) or candidates.next(Slot(0, 0))
        assert trial is not None
        assert trial.number == 1
        if not trial.rungs:
            trial = stored.train(1, (0.25,), 1.0)
        if trial.outcome is Outcome.OPEN:
            stored.end(1, Outcome.FINISHED)
        straight = stored.record.trials
    found = optuna.load_study(study_name=study.name, storage=JournalStorage(JournalFile(folder / "journal.log")))
    assert [trial.state for trial in found.trials] == [TrialState.COMPLETE] * 2
    assert found.trials[1].intermediate_values == {1: 0.25}
    assert read_stored(folder).record.trials == straight


@contextmanager
def kill_after(writes: int) -> Iterator[None]:
    """Kill this process once it has written so many times to its journal."""
    real, left = JournalFile.append_logs, [writes]

    def counting(file: JournalFile, logs: list[dict[str, Any]]) -> None:
        real(file, logs)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    with patch.object(JournalFile, "append_logs", counting):
        yield


def test_whether_a_study_runs_is_seen_without_touching_it(tmp_path: Path) -> None:
    study, folder = a_study(tmp_path, TEXT), tmp_path / "run"
    assert not is_held(folder / "lock")
    with open_stored(study, folder):
        before = (folder / "lock").read_bytes(), (folder / "lock").stat().st_mtime_ns
        assert is_held(folder / "lock")
    assert not is_held(folder / "lock")
    assert ((folder / "lock").read_bytes(), (folder / "lock").stat().st_mtime_ns) == before


@pytest.mark.skipif(sys.platform == "win32", reason="locks otherwise")
def test_a_study_that_is_looked_at_for_an_instant_can_be_begun(tmp_path: Path) -> None:
    import fcntl  # noqa: PLC0415

    study, folder = a_study(tmp_path, TEXT), tmp_path / "run"
    folder.mkdir()
    with (folder / "lock").open("a") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH)
        release = threading.Timer(0.1, lambda: fcntl.flock(file.fileno(), fcntl.LOCK_UN))
        release.start()
        with open_stored(study, folder) as stored:
            assert stored.folder == folder
        release.join()


def test_a_study_that_was_ended_at_once_is_no_damage(tmp_path: Path) -> None:
    study, folder = a_study(tmp_path, TEXT), tmp_path / "run"
    with open_stored(study, folder):
        pass
    lines = (folder / "journal.log").read_text().splitlines(keepends=True)
    for count in range(len(lines)):
        (folder / "journal.log").write_text("".join(lines[:count]))
        if count < 3:
            with pytest.raises(ArchbuilderError, match=r"run: its study has no entries yet"):
                read_stored(folder)
        with open_stored(study, folder) as stored:
            assert not stored.record.trials


def test_a_sampler_that_is_not_installed_is_missed_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archbuilder.searching.samplers.find_spec", lambda name: None)
    monkeypatch.setattr(Runner, "run", lambda *given: pytest.fail("nothing is to be trained"))
    with pytest.raises(ArchbuilderError, match=r"^the sampler cmaes needs the package cmaes: pip install"):
        run(a_study(tmp_path, TEXT.replace("seed: 3", "seed: 3, sampler: cmaes")), tmp_path)


def test_of_a_trial_that_is_over_others_inherit_weights_and_no_more_is_kept(tmp_path: Path) -> None:
    text = STUDY.replace("seed: 3", "seed: 3, factor: 2, pruner: halving, inherit: true") + NO_FINALS
    result, _ = run(a_study(tmp_path, text), tmp_path, trials=4)
    states = StatesFolder(tmp_path / "tiny-widths")
    kinds = set[tuple[Outcome, bool]]()
    for trial in result.record.counted:
        state = states.read(trial.number, trial.epochs)
        kinds.add((trial.outcome, set(state.tensors) == set(state.weights)))
    assert kinds == {(Outcome.FINISHED, True), (Outcome.PRUNED, False)}
    assert states.has(BASELINE, 3)


def test_candidates_inherit_from_the_baseline_and_start_afresh_where_no_weights_are_kept(tmp_path: Path) -> None:
    text = STUDY.replace("seed: 3", "seed: 3, pruner: none, inherit: true") + NO_FINALS
    result, _ = run(a_study(tmp_path, text), tmp_path, trials=3)
    donors = [trial.donor for trial in result.record.counted]
    assert donors[0] == BASELINE
    assert None not in donors
    fresh, _ = run(a_study(tmp_path, text.replace("tiny-widths", "fresh").replace("true", "false")), tmp_path, trials=1)
    first = result.record.counted[0]
    assert fresh.record.counted[0].values == first.values
    assert fresh.record.counted[0].accuracies != first.accuracies

    shutil.rmtree(tmp_path / "tiny-widths" / "states")
    result, _ = run(a_study(tmp_path, text), tmp_path, trials=5)
    assert [trial.outcome for trial in result.record.counted] == [Outcome.FINISHED] * 5
    assert [trial.donor for trial in result.record.counted][3:] == [None, 4]


def test_a_spec_without_a_name_keeps_its_files_name(tmp_path: Path) -> None:
    text = STUDY.replace("epochs: 3", "epochs: 1") + NO_FINALS
    study = load_study(write_study(tmp_path, text, SPEC.replace("name: tiny\n", "")))
    assert study.spec.name == "tiny"
    result = run_study(study, runs=tmp_path, trials=1)
    assert result.study.spec.name == read_result(result.folder).study.spec.name == "tiny"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_study_that_is_refused_for_its_budget_leaves_nothing(tmp_path: Path, is_there: bool) -> None:
    study, runs = a_study(tmp_path, TEXT.replace("{macs: 20k}", UNREACHABLE)), tmp_path / "kept" / "runs"
    if is_there:
        runs.mkdir(parents=True)
    with pytest.raises(ArchbuilderError, match="none can be projected onto it"):
        run(study, runs)
    assert runs.exists() == is_there
    assert (tmp_path / "kept").exists() == is_there
    assert not list(runs.glob("*"))


def test_a_folder_with_files_of_the_user_stays_when_its_study_is_refused(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT.replace("{macs: 20k}", UNREACHABLE))
    folder = tmp_path / "runs" / study.name
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ArchbuilderError, match="none can be projected onto it"):
        run(study, tmp_path / "runs")
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
