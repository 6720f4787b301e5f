"""Runs that follow a teacher: what they read, record and check, and that they resume."""

import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from archbuilder import ArchbuilderError, TeacherSettings, export, load_teacher
from archbuilder.data import SOURCES, Address, RawData, load_data
from archbuilder.data.images import ImageSet
from archbuilder.recipe import TrainSettings
from archbuilder.runs import RunOpened, RunResult, StepTaken, read_checkpoint, resume_run, train_loaded, train_spec
from runs.tiny_runs import SPEC, STEPS, Recorder, a_spec, begin, check_equal, few, few_digits, go_on, same, tensors

TEACHER = SPEC.replace("out: 4, kernel", "out: 8, kernel").replace("in: 4,", "in: 8,")
FEATURES = {"stem": "stem", "mix": "mix", "flatten": "flatten"}


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A complete run of a wider network, which nobody may change."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with few_digits():
        settings = TrainSettings(epochs=12, batch_size=16)
        result = train_spec(a_spec(TEACHER), "digits", tmp_path_factory.mktemp("big") / "big", settings=settings)
    torch.set_num_threads(before)
    return result


def taught_by(run: RunResult | Path, **more: Any) -> TrainSettings:
    path = run if isinstance(run, Path) else run.folder.path
    own = {key: more.pop(key) for key in ("temperature", "weight", "features", "features_weight") if key in more}
    return TrainSettings(**{"epochs": 2, "batch_size": 64} | more, teacher=TeacherSettings(run=str(path), **own))


def answers(folder: Path, split: str = "validation") -> Tensor:
    """Give what a run's network says of the images that no training of them had."""
    with few_digits():
        data = load_data("digits")
    images = getattr(data, split)
    (batch,) = images.batches([torch.arange(len(images))])
    checkpoint = read_checkpoint(folder)
    with torch.no_grad():
        logits: Tensor = checkpoint.network()(checkpoint.setup.normalizer(batch.images))
    return logits


def test_a_student_follows_its_teacher(big: RunResult, tmp_path: Path) -> None:
    """It says what its teacher says, right or wrong, more often than without it; equal seeds give equal networks."""
    wanted = answers(big.folder.path).argmax(dim=1)
    found = dict[str, int]()
    for name, settings in {
        "alone": TrainSettings(epochs=8, batch_size=16),
        "taught": taught_by(big, epochs=8, batch_size=16, weight=1.0),
        "again": taught_by(big, epochs=8, batch_size=16, weight=1.0),
    }.items():
        for seed in range(2):
            begin(tmp_path / f"{name}-{seed}", settings, seed=seed)
        said = torch.cat([answers(tmp_path / f"{name}-{seed}").argmax(dim=1) == wanted for seed in range(2)])
        found[name] = int(said.sum())
    assert found["again"] == found["taught"] > found["alone"]
    assert same(tensors(tmp_path / "again-1" / "last.safetensors"), tensors(tmp_path / "taught-1" / "last.safetensors"))


def test_the_run_records_its_teacher_and_says_what_it_costs(
    big: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(big.folder.path.parent)
    record = Recorder()
    result = begin(tmp_path / "run", taught_by(Path("big")), observe=record)
    setup = read_checkpoint(result.folder.last).setup
    assert setup.settings.teacher is not None
    assert setup.settings.teacher.run == str(big.folder.path.resolve())
    plan = a_spec(TEACHER).plan()
    assert setup.teacher is not None
    assert (setup.teacher.name, setup.teacher.parameters, setup.teacher.macs) == ("tiny", plan.parameters, plan.macs)
    assert setup.teacher == load_teacher(big.folder.best).record
    opened = record.events[0]
    assert isinstance(opened, RunOpened)
    assert opened.cached_bytes == 206 * 10 * 4
    assert opened.teacher is not None
    assert opened.teacher.settings.run == "big"
    begin(tmp_path / "flipped", taught_by(Path("big"), flip=True, epochs=1), observe=record)
    assert [event.cached_bytes for event in record.events if isinstance(event, RunOpened)] == [206 * 10 * 4, None]


@pytest.mark.parametrize("more", [{}, {"flip": True, "mixup": 0.2, "ema_decay": 0.9}])
@pytest.mark.parametrize("stop", [1, STEPS, STEPS + 1])
def test_an_interrupted_run_equals_an_uninterrupted_one(
    more: dict[str, Any], stop: int, big: RunResult, tmp_path: Path
) -> None:
    settings = taught_by(big, features=FEATURES, **more)
    begin(tmp_path / "straight", settings)
    taken = 0

    def observe(event: object) -> None:
        nonlocal taken
        taken += isinstance(event, StepTaken)
        if isinstance(event, StepTaken) and taken == stop:
            signal.raise_signal(signal.SIGINT)

    assert begin(tmp_path / "cut", settings, observe=observe).interrupted
    go_on(tmp_path / "cut")
    check_equal(tmp_path / "cut", tmp_path / "straight")
    assert any("projections" in key for key in tensors(tmp_path / "cut" / "last.safetensors"))


def test_projections_are_in_no_file_but_the_one_to_resume_from(big: RunResult, tmp_path: Path) -> None:
    result = begin(tmp_path / "run", taught_by(big, features=FEATURES))
    plain = a_spec().build().state_dict().keys()
    assert tensors(result.folder.best).keys() == plain
    assert read_checkpoint(result.folder.last).weights.keys() == plain
    assert read_checkpoint(result.folder.path).network().state_dict().keys() == plain
    export(result.folder.path, tmp_path / "weights.safetensors")
    assert not any("projection" in key for key in tensors_of(tmp_path / "weights.safetensors"))


def tensors_of(path: Path) -> set[str]:
    from safetensors import safe_open  # noqa: PLC0415

    with safe_open(path, framework="pt") as file:
        return set(file.keys())


def test_exported_weights_teach_as_their_run_does(big: RunResult, tmp_path: Path) -> None:
    export(big.folder.path, tmp_path / "teacher.safetensors")
    with few_digits():
        data = load_data("digits")
    found = [load_teacher(each) for each in (big.folder.path, big.folder.last, tmp_path / "teacher.safetensors")]
    for each in found:
        each.check(a_spec().plan(), data)
        assert each.class_names == data.class_names
    images = torch.randn(3, 1, 8, 8)
    assert torch.equal(found[0].teacher.network(images), found[2].teacher.network(images))
    assert found[0].record.sha256 == load_teacher(big.folder.best).record.sha256


def test_what_changed_since_the_run_began_is_an_error(big: RunResult, tmp_path: Path) -> None:
    teacher = Path(shutil.copytree(big.folder.path, tmp_path / "teacher"))
    begin(tmp_path / "run", taught_by(teacher))
    teacher.rename(tmp_path / "moved")
    gone = r"^teacher: .*teacher: no such run: restore it, or say where it is now: resume_run takes teacher=$"
    with pytest.raises(ArchbuilderError, match=gone):
        longer(tmp_path / "run")
    assert len(longer(tmp_path / "run", teacher=tmp_path / "moved").history) == 3
    begin(tmp_path / "other", TrainSettings(epochs=1, batch_size=64))
    setup = read_checkpoint(tmp_path / "run").setup
    assert setup.settings.teacher is not None
    assert setup.settings.teacher.run == str(tmp_path / "moved")
    digests = r"found tiny of digest \w{12}, expected tiny of digest \w{12}\n  restore it, or begin another run$"
    with pytest.raises(ArchbuilderError, match=rf"^teacher: .*other: has changed since the run began: {digests}"):
        longer(tmp_path / "run", 4, teacher=tmp_path / "other")
    with pytest.raises(ArchbuilderError, match=r"other: this run has no teacher; begin another run with one$"):
        longer(tmp_path / "other", teacher=tmp_path / "moved")


def longer(folder: Path, epochs: int = 3, **more: Any) -> RunResult:
    with few_digits():
        return resume_run(folder, epochs=epochs, **more)


def renamed(change: Callable[[RawData], RawData]) -> Callable[[Address], RawData]:
    return lambda address: change(few(address))


def of_six_classes(data: RawData) -> RawData:
    assert isinstance(data.train, ImageSet)
    kept = (data.train.labels < 6).nonzero().flatten()
    return replace(data, train=data.train.take(kept), class_names=data.class_names[:6])


def of_wide_images(data: RawData) -> RawData:
    assert isinstance(data.train, ImageSet)
    wide = data.train.images.repeat(1, 1, 1, 2)
    return replace(data, train=ImageSet(wide, data.train.labels))


def of_other_names(data: RawData) -> RawData:
    return replace(data, class_names=("zero", "eins", *data.class_names[2:]))


@pytest.mark.parametrize(
    ("change", "spec", "message"),
    [
        (
            of_six_classes,
            SPEC.replace("classes: 10", "classes: 6").replace("out: 10", "out: 6"),
            r"^teacher: \S+/big: tiny has 10 classes, the data 6: 0, 1, 2, 3, 4, 5$",
        ),
        (
            of_wide_images,
            SPEC.replace("width: 8", "width: 16"),
            r"^teacher: \S+/big: tiny takes 1 x 8 x 8, the images are 1 x 8 x 16 \(channels x height x width\)$",
        ),
        (
            of_other_names,
            SPEC,
            r"^teacher: \S+/big: its classes are not those of the data: label 0 is '0' of the teacher "
            r"and 'zero' of the data\n"
            r"  the teacher's are 0, 1, 2, 3, 4, 5, 6, 7, …\n  the data's are zero, eins, 2, 3, 4, 5, 6, 7, …$",
        ),
    ],
)
def test_a_teacher_of_other_data_is_an_error(
    change: Callable[[RawData], RawData],
    spec: str,
    message: str,
    big: RunResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SOURCES, "digits", renamed(change))
    with pytest.raises(ArchbuilderError, match=message):
        train_spec(a_spec(spec), "digits", tmp_path / "run", settings=taught_by(big))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"stm": "stem"}, r"^teacher\.features: tiny has no place 'stm'; did you mean stem\?$"),
        ({"stem": "mixx"}, r"^teacher\.features: of the teacher: tiny has no place 'mixx'; did you mean mix\?$"),
        ({"early": "stem"}, r"^teacher\.features: tiny has no place 'early'"),
        (
            {"stem": "fc"},
            r"^teacher\.features: stem is a map of 4 x 4 x 4, and fc of the teacher a vector of 10; expected two maps, "
            r"or two vectors$",
        ),
    ],
)
def test_features_are_checked_before_anything_is_written(
    features: dict[str, str], message: str, big: RunResult, tmp_path: Path
) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        begin(tmp_path / "run", taught_by(big, features=features))
    assert not (tmp_path / "run").exists()


def test_what_is_no_teacher_is_an_error(big: RunResult, tmp_path: Path) -> None:
    place = re.escape(str(tmp_path))
    shutil.copytree(big.folder.path, tmp_path / "good")
    shutil.copytree(big.folder.path, tmp_path / "begun")
    (tmp_path / "begun" / "best.safetensors").unlink()
    shutil.copytree(big.folder.path, tmp_path / "damaged")
    file = tmp_path / "damaged" / "best.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\7")
    (tmp_path / "empty").mkdir()
    save_file({"x": torch.zeros(3)}, tmp_path / "bare.safetensors")
    (tmp_path / "net.yaml").write_text(SPEC)
    for name, message in {
        "godo": rf"{place}/godo: no such run; did you mean good\? \(runs there: damaged, good\); expected the folder "
        "of a trained run, or a checkpoint$",
        "begun": rf"{place}/begun: no epoch of this run is finished, so it has no best one: best\.safetensors is miss",
        "damaged": rf"{place}/damaged/best\.safetensors: damaged: its content is not what was written",
        "empty": rf"{place}/empty: is a folder, not a file, and no run: best\.safetensors is missing in it$",
        "bare.safetensors": r".*bare\.safetensors: holds weights alone, no spec; expected a run of archbuilder train, "
        "or what archbuilder export wrote$",
        "net.yaml": r".*net\.yaml: not a whole safetensors file: ",
    }.items():
        with pytest.raises(ArchbuilderError, match=f"^teacher: {message}"):
            begin(tmp_path / "run", taught_by(tmp_path / name))
        assert not (tmp_path / "run").exists()


def test_loaded_data_follow_a_teacher_and_resume_where_it_was_moved(big: RunResult, tmp_path: Path) -> None:
    with few_digits():
        data = load_data("digits")
    teacher = Path(shutil.copytree(big.folder.path, tmp_path / "teacher"))
    first = train_loaded(a_spec(), data, tmp_path / "run", settings=taught_by(teacher))
    loaded = load_teacher(TeacherSettings(run=str(big.folder.path)))
    again = train_loaded(a_spec(), data, tmp_path / "run", settings=taught_by(big), teacher=loaded)
    assert first.history == again.history
    with pytest.raises(ArchbuilderError, match=r"run: has another run; delete it to begin this one$"):
        train_loaded(a_spec(), data, tmp_path / "run", settings=taught_by(big, weight=0.5))


def test_images_that_the_teacher_was_trained_on_are_counted(big: RunResult) -> None:
    with few_digits():
        same_split, other = load_data("digits"), load_data("digits", seed=1)
    teacher = load_teacher(big.folder.path)
    assert teacher.seen_counts(same_split) == {}
    counts = teacher.seen_counts(other)
    trained = set(same_split.train.digests().tolist())
    expected = {"validation": other.validation, "test": other.open_test()}
    assert counts == {name: len(trained & set(part.digests().tolist())) for name, part in expected.items()}
    assert min(counts.values()) > 0
