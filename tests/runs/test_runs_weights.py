"""Trainings that start from weights: what they take, what stays frozen, and that they resume without the file."""

import hashlib
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from archbuilder import ArchbuilderError
from archbuilder.data import SOURCES, Address, RawData
from archbuilder.data.images import ImageSet
from archbuilder.recipe import TrainSettings
from archbuilder.runs import RunOpened, RunResult, StepTaken, read_checkpoint, train_spec
from archbuilder.training import initial_network
from runs.tiny_runs import SPEC, STEPS, Recorder, a_spec, begin, check_equal, few, go_on, same, tensors

SETTINGS = TrainSettings(epochs=2, batch_size=64)
FROZEN = TrainSettings(epochs=4, batch_size=64, freeze_epochs=2, backbone_lr=0.001, ema_decay=0.9)


def of_some_classes(address: Address) -> RawData:
    """Give digits of six classes, some of those of `few`."""
    data = few(address)
    assert isinstance(data.train, ImageSet)
    kept = (data.train.labels < 6).nonzero().flatten()
    return replace(data, train=data.train.take(kept), class_names=data.class_names[:6])


@pytest.fixture
def six(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "digits", of_some_classes)


def best_weights(done: RunResult) -> dict[str, Tensor]:
    return read_checkpoint(done.folder.path).weights


def test_a_training_starts_from_the_best_epoch_of_a_run(done: RunResult, tmp_path: Path) -> None:
    record = Recorder()
    result = begin(tmp_path / "next", SETTINGS, weights=done.folder.path, observe=record)
    report = result.setup.weights
    assert report is not None
    assert report.file == str(done.folder.best)
    assert (report.taken, report.fresh) == (report.total, ())
    opened = record.events[0]
    assert isinstance(opened, RunOpened)
    assert opened.setup.weights == report
    assert result.setup.mean == done.setup.mean
    # With a learning rate of almost nothing, what is kept is what was loaded.
    still = TrainSettings(epochs=1, batch_size=64, learning_rate=1e-30, weight_decay=0)
    begin(tmp_path / "still", still, weights=done.folder.best)
    for key, tensor in best_weights(done).items():
        if tensor.is_floating_point() and "running" not in key:
            assert torch.allclose(tensors(tmp_path / "still")[key], tensor), key


def test_the_run_says_in_its_header_what_it_started_from(done: RunResult, tmp_path: Path) -> None:
    begin(tmp_path / "next", SETTINGS, weights=done.folder.best)
    setup = read_checkpoint(tmp_path / "next" / "last.safetensors").setup
    assert setup.weights is not None
    assert setup.weights.sha256 == hashlib.sha256(done.folder.best.read_bytes()).hexdigest()


@pytest.mark.parametrize("settings", [FROZEN, FROZEN.model_copy(update={"freeze": "stem,mix.branch1"})])
@pytest.mark.parametrize("stop", [1, STEPS, 2 * STEPS, 2 * STEPS + 1, 3 * STEPS])
def test_an_interrupted_run_equals_an_uninterrupted_one_and_needs_no_file(
    settings: TrainSettings, stop: int, done: RunResult, tmp_path: Path
) -> None:
    weights = Path(shutil.copy(done.folder.best, tmp_path / "w.safetensors"))
    kept = load_file(weights)
    save_file({key: tensor for key, tensor in kept.items() if not key.startswith("fc.")}, weights)  # fc is new
    begin(tmp_path / "straight", settings, weights=weights)
    taken = 0

    def interrupt(event: object) -> None:
        nonlocal taken
        if isinstance(event, StepTaken):
            taken += 1
            if taken == stop:
                signal.raise_signal(signal.SIGTERM)

    assert begin(tmp_path / "broken", settings, weights=weights, observe=interrupt).interrupted
    weights.unlink()
    assert not go_on(tmp_path / "broken").interrupted
    check_equal(tmp_path / "straight", tmp_path / "broken")


def test_frozen_layers_stay_as_they_were_loaded(done: RunResult, tmp_path: Path) -> None:
    begin(tmp_path / "next", SETTINGS.model_copy(update={"freeze": "stem,mix.*"}), weights=done.folder.path)
    loaded, found = best_weights(done), tensors(tmp_path / "next" / "best.safetensors")
    for key in loaded:
        frozen = key.startswith(("stem.", "mix."))
        if frozen or key.endswith("weight"):
            assert torch.equal(found[key], loaded[key]) == frozen, key


def test_all_that_was_loaded_is_frozen_at_first(six: None, done: RunResult, tmp_path: Path) -> None:
    spec = a_spec(SPEC.replace("out: 10", "out: $classes"))
    settings = SETTINGS.model_copy(update={"freeze_epochs": 1, "epochs": 1})
    train_spec(spec, "digits", tmp_path / "next", settings=settings, weights=done.folder.path)
    loaded, found = best_weights(done), tensors(tmp_path / "next" / "last.safetensors")
    for key in loaded:
        if not key.startswith(("fc.", "early.fc2.")):
            assert torch.equal(found[key], loaded[key]), key
    start = initial_network(spec.with_classes(6).plan(), 0).state_dict()
    assert not torch.equal(found["fc.weight"], start["fc.weight"])


def test_the_network_gets_the_classes_of_the_data(six: None, done: RunResult, tmp_path: Path) -> None:
    spec = a_spec(SPEC.replace("out: 10", "out: $classes"))
    with pytest.raises(ArchbuilderError, match="classes: the spec has 10, the data has 6"):
        train_spec(spec, "digits", tmp_path / "none", settings=SETTINGS)
    result = train_spec(spec, "digits", tmp_path / "next", settings=SETTINGS, weights=done.folder.path)
    assert result.setup.weights is not None
    assert result.setup.weights.reset == {"fc": (10, 6), "early.fc2": (10, 6)}
    assert result.setup.load_spec().plan().class_count == 6
    assert len(result.checkpoint().network()(torch.zeros(1, 1, 8, 8))[0]) == 6
    with pytest.raises(ArchbuilderError, match="classes"):  # the file says 10 in a place of its own
        train_spec(a_spec(), "digits", tmp_path / "fixed", settings=SETTINGS, weights=done.folder.path)
    assert not (tmp_path / "fixed").exists()


def test_partial_weights_must_be_asked_for(done: RunResult, tmp_path: Path) -> None:
    kept = {key: tensor for key, tensor in load_file(done.folder.best).items() if not key.startswith("mix.branch1")}
    save_file(kept, tmp_path / "w.safetensors")
    with pytest.raises(ArchbuilderError, match=r"w\.safetensors: does not fit: .*\n  missing: mix \(5 tensors\)"):
        begin(tmp_path / "next", SETTINGS, weights=tmp_path / "w.safetensors")
    assert not (tmp_path / "next").exists()
    result = begin(tmp_path / "next", SETTINGS, weights=tmp_path / "w.safetensors", partial=True)
    assert result.setup.weights is not None
    assert {key.rpartition(".")[0].rpartition(".")[0] for key in result.setup.weights.missing} == {"mix.branch1"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze": "stemm"}, r"freeze 'stemm': no layer has such a name; did you mean stem\?"),
        ({"freeze": "*"}, "every parameter is frozen"),
        ({"backbone_lr": 0.1}, "backbone_lr: nothing is loaded: it needs weights"),
        ({"freeze_epochs": 1}, "freeze_epochs: nothing is loaded"),
    ],
)
def test_settings_that_cannot_be_followed_leave_no_folder(
    settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        begin(tmp_path / "next", SETTINGS.model_copy(update=settings))
    assert not (tmp_path / "next").exists()


def test_the_normalization_is_that_of_the_run_unless_values_are_on_another_scale(
    done: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scaled(factor: float) -> Callable[[Address], RawData]:
        def load(address: Address) -> RawData:
            data = few(address)
            assert isinstance(data.train, ImageSet)
            return replace(data, train=ImageSet(data.train.images * factor, data.train.labels))

        return load

    for factor, taken in ((1.5, True), (16.0, False)):
        monkeypatch.setitem(SOURCES, "digits", scaled(factor))
        result = train_spec(a_spec(), "digits", tmp_path / str(factor), settings=SETTINGS, weights=done.folder.path)
        assert (result.setup.mean == done.setup.mean) == taken


def test_equal_seeds_and_weights_give_equal_networks(done: RunResult, tmp_path: Path) -> None:
    for name in ("a", "b"):
        begin(tmp_path / name, SETTINGS, weights=done.folder.path, seed=3)
    check_equal(tmp_path / "a", tmp_path / "b")
    begin(tmp_path / "c", SETTINGS, seed=3)
    assert not same(tensors(tmp_path / "a" / "last.safetensors"), tensors(tmp_path / "c" / "last.safetensors"))
