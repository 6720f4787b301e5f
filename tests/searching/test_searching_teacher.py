"""A study with a teacher: baseline, candidates, finalists and references follow the same one."""

import shutil
from pathlib import Path

import pytest
from support.tiny_studies import NO_FINALS, ONE_FINAL, SPEC, STUDY, a_study, few_digits, write_digits

from archbuilder import ArchbuilderError, NetworkSpec, SpecError
from archbuilder.data import SOURCES
from archbuilder.recipe import TrainSettings
from archbuilder.runs import read_checkpoint, train_spec
from archbuilder.searching import Outcome, StudyResult, run_study
from archbuilder.study import Study
from archbuilder.training import CPU, teacher
from archbuilder.trials.pool import RemoteRunner
from archbuilder.trials.runner import Runner

WIDE = SPEC.replace("out: 4, kernel", "out: 8, kernel").replace("in: 4,", "in: 8,")
TRAIN = "train: {epochs: 2, batch_size: 64, teacher: big}"
BY = "train: {epochs: 2, batch_size: 64, teacher: {run: big, weight: 0.5, features: {stem: stem, mix.branch2: mix}}}"


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "digits", few_digits)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("big") / "big"
    spec = NetworkSpec.from_text(WIDE, "wide.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SOURCES, "digits", few_digits)
        train_spec(spec, "digits", folder, settings=TrainSettings(epochs=2, batch_size=64))
    return folder


def study_of(folder: Path, big: Path, train: str = TRAIN, more: str = NO_FINALS, **changes: str) -> Study:
    if not (folder / "big").exists():
        shutil.copytree(big, folder / "big")
    text = STUDY.replace("train: {epochs: 3, batch_size: 256}", train).replace("trials: 8", "trials: 3") + more
    for old, new in changes.items():
        text = text.replace(old, new)
    return a_study(folder, text)


def scores(result: StudyResult) -> list[tuple[float, ...]]:
    return [tuple(trial.accuracies) for trial in result.record.trials.values()]


def test_all_networks_follow_the_teacher_which_runs_once(
    tmp_path: Path, big: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed, real = list[int](), teacher.Teacher._computed

    def counted(*given: object) -> teacher.TeacherOutput:
        computed.append(1)
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(teacher.Teacher, "_computed", counted)
    result = run_study(study_of(tmp_path, big, more=ONE_FINAL), runs=tmp_path / "runs", versus_random=True)
    assert result.tally[Outcome.FAILED] == 0
    assert len(computed) == 1
    runs = sorted((tmp_path / "runs" / "tiny-widths" / "finals").glob("*/seed-*"))
    assert {run.parent.name.partition("-")[0] for run in runs} >= {"baseline", "trial", "scaled"}
    for run in runs:
        setup = read_checkpoint(run).setup
        assert setup.settings.teacher is not None
        assert setup.settings.teacher.run == str((tmp_path / "big").resolve())
        assert setup.teacher == read_checkpoint(runs[0]).setup.teacher
    assert scores(result) != scores(
        run_study(study_of(tmp_path, big, TRAIN.replace(", teacher: big", "")), runs=tmp_path)
    )


def test_it_resumes_and_refuses_another_teacher(tmp_path: Path, big: Path) -> None:
    study = study_of(tmp_path, big, BY, **{"seed: 3": "seed: 3, pruner: none"})
    run_study(study, runs=tmp_path / "runs", trials=1)
    again, whole = run_study(study, runs=tmp_path / "runs"), run_study(study, runs=tmp_path / "others")
    assert scores(again) == scores(whole)
    shutil.rmtree(tmp_path / "big")
    spec = NetworkSpec.from_text(WIDE, "wide.yaml")
    train_spec(spec, "digits", tmp_path / "big", settings=TrainSettings(epochs=1, batch_size=64))
    with pytest.raises(
        ArchbuilderError, match=r"trials that followed another teacher than now is in .*big\n  restore that"
    ):
        run_study(study, runs=tmp_path / "runs")


def test_candidates_follow_in_the_layers_that_they_have(tmp_path: Path, big: Path) -> None:
    space = {'"mix.*": {scale: [0.5, 3.0], multiple_of: 2}': '"mix.3x3": [0, 4, 8]'}
    space["seed: 3"] = "seed: 3, pruner: none, enqueue: [{mix.3x3: 0}]"
    study = study_of(tmp_path, big, BY, "finals: {candidates: 3, seeds: 1}\n", **space)
    result = run_study(study, runs=tmp_path / "runs")
    assert result.tally[Outcome.FAILED] == 0
    found = set[bool]()
    for run in (tmp_path / "runs" / "tiny-widths" / "finals").glob("trial-*/seed-*"):
        checkpoint = read_checkpoint(run)
        has_branch = any(key.startswith("mix.branch2") for key in checkpoint.weights)
        found.add(has_branch)
        assert checkpoint.setup.settings.teacher is not None
        expected = {"stem": "stem", "mix.branch2": "mix"} if has_branch else {"stem": "stem"}
        assert dict(checkpoint.setup.settings.teacher.features) == expected
    assert False in found


def test_workers_come_to_what_one_process_does(tmp_path: Path, big: Path) -> None:
    write_digits(tmp_path / "digits.npz")
    study = study_of(tmp_path, big, **{"data: digits": "data: npz:digits.npz", "trials: 3": "trials: 2"})
    result = run_study(study, runs=tmp_path / "runs", machines=(CPU, CPU))
    alone = run_study(study, runs=tmp_path / "alone")
    assert sorted(scores(result)) == sorted(scores(alone))


def test_a_worker_without_the_teacher_says_what_to_copy(tmp_path: Path, big: Path) -> None:
    study = study_of(tmp_path, big)
    (tmp_path / "runs").mkdir()
    remote = RemoteRunner.of(study, tmp_path / "runs", Runner(study, tmp_path / "runs", CPU), CPU)
    place = tmp_path / "big"
    place.rename(tmp_path / "away")
    advice = f"copy the coordinator's run to {place} on every worker$"
    missing = rf"^a worker cannot read the teacher: teacher: {place}: no such run.*\n  {advice}"
    with pytest.raises(ArchbuilderError, match=missing):
        remote._runner(tmp_path / "runs")
    spec = NetworkSpec.from_text(WIDE, "wide.yaml")
    train_spec(spec, "digits", place, settings=TrainSettings(epochs=1, batch_size=64))
    other = rf"^teacher: {place}: a worker has another teacher than the coordinator; {advice}"
    with pytest.raises(ArchbuilderError, match=other):
        remote._runner(tmp_path / "runs")


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("train: {epochs: 1, teacher: bgi}", r"^teacher: .*/bgi: no such run; did you mean big\? \(runs there: big\)"),
        (
            "train: {epochs: 1, teacher: {run: big, features: {stm: stem}}}",
            r"^teacher\.features: tiny has no place 'stm'; did you mean stem\?$",
        ),
    ],
)
def test_what_is_wrong_is_said_before_a_trial(tmp_path: Path, big: Path, train: str, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        run_study(study_of(tmp_path, big, train), runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("key", "given", "message"),
    [
        ("teacher", "3", r"found 3, expected a mapping"),
        ("teacher.wieght", "{run: big, wieght: 1}", r"unknown key 'wieght' for teacher; did you mean weight\?"),
        ("teacher.temperature", "{run: big, temperature: 0}", r"found 0, expected more than 0"),
        ("teacher", "{run: big, weight: 0}", r"expected a weight above 0, or features: else it teaches nothing"),
        ("teacher.run", "{weight: 1}", r"teacher needs 'run'"),
    ],
)
def test_a_study_says_what_is_wrong_with_its_keys(
    tmp_path: Path, big: Path, key: str, given: str, message: str
) -> None:
    with pytest.raises(SpecError, match=rf"  train\.{key}\n[^\n]*\n[^\n]* {message}"):
        study_of(tmp_path, big, f"train: {{teacher: {given}}}")
