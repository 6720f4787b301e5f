import os
import signal
import threading
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.training import torchrun_environment

from archbuilder.data import SOURCES, Normalizer
from archbuilder.data.splits import split
from archbuilder.errors import ArchbuilderError
from archbuilder.optimizers import OptimizerName
from archbuilder.recipe import TrainSettings
from archbuilder.runs import (
    EpochEnded,
    Event,
    RunFolder,
    RunOpened,
    RunResult,
    StepTaken,
    evaluate_checkpoint,
    read_checkpoint,
    resume_run,
    train_spec,
)
from archbuilder.training import TrainingDiverged
from runs.tiny_runs import (
    EVERYTHING,
    SETTINGS,
    STEPS,
    Recorder,
    a_spec,
    begin,
    check_equal,
    few,
    few_digits,
    go_on,
    metrics,
    same,
    tensors,
)


class Stopper(Recorder):
    """An observer that sends a signal to this process after a step, or when an epoch has ended."""

    def __init__(self, epoch: int, step: int, number: signal.Signals = signal.SIGINT) -> None:
        super().__init__()
        self.epoch, self.step, self.number = epoch, step, number

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, StepTaken) and (event.step.epoch, event.step.step) == (self.epoch, self.step):
            os.kill(os.getpid(), self.number)


def test_the_same_arguments_give_the_same_bytes(done: RunResult, tmp_path: Path) -> None:
    again = begin(tmp_path / "again")
    assert same(tensors(again.folder.last), tensors(done.folder.last))
    check_equal(again.folder.path, done.folder.path)


def test_another_seed_gives_another_network_on_the_same_splits(done: RunResult, tmp_path: Path) -> None:
    recorder = Recorder()
    other = begin(tmp_path / "other", seed=1, observe=recorder)
    assert not same(tensors(other.folder.last), tensors(done.folder.last))
    assert other.setup.mean == done.setup.mean


def test_the_initial_weights_follow_from_the_seed(tmp_path: Path) -> None:
    slow = TrainSettings(epochs=1, batch_size=128, learning_rate=1e-30)
    first, same_seed, other = (begin(tmp_path / str(n), slow, seed=seed) for n, seed in enumerate((5, 5, 6)))
    weight = [tensors(run.folder.last)["stem.conv.weight"] for run in (first, same_seed, other)]
    assert torch.equal(weight[0], weight[1])
    assert not torch.equal(weight[0], weight[2])


def test_the_split_seed_decides_the_split_and_is_kept_for_the_test(tmp_path: Path, done: RunResult) -> None:
    recorder = Recorder()
    other = begin(tmp_path / "other", split_seed=7, observe=recorder)
    opened = recorder.events[0]
    assert isinstance(opened, RunOpened)
    trained = {image.tobytes() for image in opened.data.train.images.numpy()}  # type: ignore[attr-defined]
    assert other.setup.mean != done.setup.mean
    tested: list[torch.Tensor] = []

    def spy(*arguments: Any, **more: Any) -> Any:
        tested.append(arguments[1].images)
        return real(*arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        station: Any = import_module("archbuilder.runs.evaluating")
        real = station.evaluate
        patch.setattr(station, "evaluate", spy)
        patch.setitem(SOURCES, "digits", few)
        measured = evaluate_checkpoint(other.folder.path)
    assert measured.evaluation.images == len(tested[0]) == 47
    mine = {image.tobytes() for image in tested[0].numpy()}
    assert not mine & trained
    elsewhere = split("digits", few(None), seed=0).open_test()  # type: ignore[arg-type]
    assert mine != {image.tobytes() for image in elsewhere.images.numpy()}  # type: ignore[attr-defined]


def test_a_run_tells_what_happens(tmp_path: Path) -> None:
    recorder = Recorder()
    result = begin(tmp_path / "run", observe=recorder)
    kinds = [type(event) for event in recorder.events]
    assert kinds == [RunOpened, *[*[StepTaken] * STEPS, EpochEnded] * 3]
    ended = [event for event in recorder.events if isinstance(event, EpochEnded)]
    assert tuple(event.result for event in ended) == result.history
    assert result.best == [event.result for event in ended if event.is_best][-1]
    assert [line["epoch"] for line in metrics(tmp_path / "run")] == [1, 2, 3]
    assert result.validation is not None
    assert result.validation.accuracy == result.best.validation_accuracy
    assert result.validation.loss == pytest.approx(result.best.validation_loss, rel=1e-6)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("epoch", "step"), [(1, 1), (2, 2), (2, STEPS), (3, STEPS - 1)])
def test_a_run_that_was_stopped_becomes_what_it_would_have_become(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, epoch: int, step: int, number: signal.Signals
) -> None:
    whole = tmp_path_factory.getbasetemp() / "whole"
    if not whole.exists():
        begin(whole, EVERYTHING)
    folder, stopper = tmp_path / "run", Stopper(epoch, step, number)
    stopped = begin(folder, EVERYTHING, observe=stopper)
    assert stopped.interrupted
    assert stopped.validation is None
    at_the_end = step == STEPS
    assert len(stopped.history) == (epoch if at_the_end else epoch - 1)
    assert stopped.steps_done == (0 if at_the_end else step)
    assert len([event for event in stopper.events if isinstance(event, StepTaken)]) == (epoch - 1) * STEPS + step
    recorder = Recorder()
    finished = go_on(folder, recorder)
    assert not finished.interrupted
    opened, first = recorder.events[:2]
    assert isinstance(opened, RunOpened)
    assert isinstance(first, StepTaken)
    assert (len(opened.history), opened.steps_done) == (len(stopped.history), stopped.steps_done)
    assert first.step.step == stopped.steps_done + 1
    check_equal(folder, whole)


def test_a_run_stopped_at_every_step_becomes_the_same(tmp_path: Path) -> None:
    sgd = TrainSettings(epochs=2, batch_size=64, optimizer=OptimizerName.SGD, patience=5, ema_decay=0.99)
    begin(tmp_path / "whole", sgd)

    def stop(event: Event) -> None:
        if isinstance(event, StepTaken):
            os.kill(os.getpid(), signal.SIGINT)

    result, sessions = begin(tmp_path / "run", sgd, observe=stop), 1
    while result.interrupted:
        result, sessions = go_on(tmp_path / "run", stop), sessions + 1
    assert sessions == 2 * STEPS
    check_equal(tmp_path / "run", tmp_path / "whole")


def test_a_stop_in_the_last_step_of_all_leaves_a_complete_run(tmp_path: Path, done: RunResult) -> None:
    result = begin(tmp_path / "run", observe=Stopper(3, STEPS))
    assert not result.interrupted
    check_equal(tmp_path / "run", done.folder.path)


def test_a_second_interrupt_ends_it_at_once_and_handlers_are_given_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def twice(event: Event) -> None:
        if isinstance(event, StepTaken):
            assert signal.getsignal(signal.SIGINT) is not before[0]
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        begin(tmp_path / "run", observe=twice)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert not (tmp_path / "run" / "last.safetensors").exists()
    begin(tmp_path / "run")  # the lock is free
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_sigterm_is_no_more_than_the_first(tmp_path: Path) -> None:
    def twice(event: Event) -> None:
        if isinstance(event, StepTaken) and event.step.epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)

    assert begin(tmp_path / "run", observe=twice).interrupted


def test_whatever_else_stops_a_run_loses_the_epoch_under_way_and_no_more(tmp_path: Path, done: RunResult) -> None:
    def fail(event: Event) -> None:
        if isinstance(event, StepTaken) and (event.step.epoch, event.step.step) == (3, 2):
            raise LookupError("the screen is broken")

    with pytest.raises(LookupError, match="the screen is broken"):
        begin(tmp_path / "run", observe=fail)
    assert len(read_checkpoint(tmp_path / "run" / "last.safetensors").history) == 2
    go_on(tmp_path / "run")
    check_equal(tmp_path / "run", done.folder.path)


def test_a_complete_run_is_measured_again_and_stays_what_it_is(done: RunResult) -> None:
    def content() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in done.folder.path.iterdir() if path.name != "run.lock"}

    before, recorder = content(), Recorder()
    again = go_on(done.folder.path, recorder)
    assert [type(event) for event in recorder.events] == [RunOpened]
    assert (again.history, again.validation, again.interrupted) == (done.history, done.validation, False)
    assert content() == before


def test_a_run_goes_on_to_more_epochs_as_one_that_was_to_have_them(tmp_path: Path) -> None:
    # Where the rate is the same at every step; else it is that of the longer training from there on.
    settings = TrainSettings(epochs=2, batch_size=64, schedule="constant", warmup=0, learning_rate=0.01)
    longer = settings.model_copy(update={"epochs": 3})
    whole, first = begin(tmp_path / "whole", longer), begin(tmp_path / "run", settings)
    with few_digits():
        more = resume_run(tmp_path / "run", epochs=3)
    assert (len(first.history), len(more.history)) == (2, 3)
    one, other = (read_checkpoint(tmp_path / name / "last.safetensors") for name in ("whole", "run"))
    assert one.setup.settings == other.setup.settings == whole.setup.settings
    assert all(torch.equal(tensor, other.state.tensors[name]) for name, tensor in one.state.tensors.items())


def test_a_run_that_its_patience_ended_takes_no_more_epochs(tmp_path: Path) -> None:
    ended = begin(tmp_path / "run", TrainSettings(epochs=9, batch_size=64, learning_rate=1e-9, patience=1))
    assert len(ended.history) < 9
    with pytest.raises(
        ArchbuilderError, match=r"run: was stopped early by its patience of 1 epochs; start another run without it"
    ):
        resume_run(tmp_path / "run", epochs=20)


def test_a_run_in_use_or_begun_is_left_alone_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert RunFolder.unused(Path("runs/tiny")).path == Path("runs/tiny")
    with RunFolder(Path("runs/tiny")).locked():
        assert RunFolder.unused(Path("runs/tiny")).path == Path("runs/tiny-2")
    assert RunFolder.unused(Path("runs/tiny")).path == Path("runs/tiny")  # nothing was saved there
    Path("runs/tiny-2").mkdir()
    Path("runs/tiny-2/notes.txt").touch()
    (Path("runs/tiny") / "last.safetensors").touch()
    assert RunFolder.unused(Path("runs/tiny")).path == Path("runs/tiny-3")


def test_a_folder_that_holds_a_run_takes_no_other(done: RunResult) -> None:
    with pytest.raises(ArchbuilderError, match=r"(?s)run: already has a run.*resume_run\('.*run'\) resumes"):
        begin(done.folder.path)


def test_without_a_finished_epoch_none_is_the_best(tmp_path: Path) -> None:
    stopped = begin(tmp_path / "run", observe=Stopper(1, 1))
    assert (stopped.interrupted, stopped.history) == (True, ())
    with pytest.raises(ArchbuilderError, match=r"run: no epoch is finished, so none is the best$"):
        _ = stopped.best


def test_the_best_epoch_is_not_measured_a_second_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    station: Any = import_module("archbuilder.runs.training_run")
    measured = 0
    real = station.evaluate

    def count(*arguments: Any, **more: Any) -> Any:
        nonlocal measured
        measured += 1
        return real(*arguments, **more)

    monkeypatch.setattr(station, "evaluate", count)
    whole = begin(tmp_path / "run", EVERYTHING)
    assert measured == 0
    assert whole.validation is not None
    assert whole.validation.loss == whole.best.validation_loss
    again = go_on(tmp_path / "run")  # here it must be
    assert measured == 1
    assert again.validation is not None
    assert again.validation == whole.validation
    assert torch.equal(again.validation.confusion, whole.validation.confusion)


def test_the_best_epoch_of_an_earlier_session_is_measured_at_the_end(tmp_path: Path) -> None:
    poor = TrainSettings(epochs=4, batch_size=128, learning_rate=1e-9)
    whole = begin(tmp_path / "whole", poor)
    stopped = begin(tmp_path / "run", poor, observe=Stopper(whole.best.epoch + 1, 1))
    assert stopped.interrupted
    finished = go_on(tmp_path / "run")
    assert finished.best == whole.best
    assert finished.validation == whole.validation


def test_the_metrics_are_whole_after_every_epoch_whatever_happened_to_them(tmp_path: Path, done: RunResult) -> None:
    def spoil(event: Event) -> None:
        if isinstance(event, EpochEnded):
            assert len(metrics(tmp_path / "run")) == event.result.epoch
            if event.result.epoch == 1:
                (tmp_path / "run" / "metrics.jsonl").unlink()
            if event.result.epoch == 2:
                (tmp_path / "run" / "metrics.jsonl").write_text("{")

    begin(tmp_path / "run", observe=spoil)
    check_equal(tmp_path / "run", done.folder.path)


def test_processes_do_not_all_fetch_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in torchrun_environment(1, 2).items():
        monkeypatch.setenv(name, value)
    message = r"^torchvision:MNIST: download it first, in one process, and start torchrun without download=True$"
    with pytest.raises(ArchbuilderError, match=message):
        begin(tmp_path / "run", data="torchvision:MNIST", download=True)
    assert not (tmp_path / "run").exists()


def test_a_run_that_began_meanwhile_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Another process finishes a whole run while this one still reads its data.
    def slow(address: Any) -> Any:
        monkeypatch.setitem(SOURCES, "digits", few)
        train_spec(a_spec(), "digits", tmp_path / "run", settings=SETTINGS)
        return few(address)

    monkeypatch.setitem(SOURCES, "digits", slow)
    with pytest.raises(ArchbuilderError, match="already has a run"):
        train_spec(a_spec(), "digits", tmp_path / "run", settings=SETTINGS, seed=9)
    assert read_checkpoint(tmp_path / "run").setup.seed == 0


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    def second(event: Event) -> None:
        if isinstance(event, RunOpened):
            begin(tmp_path / "run")

    message = f"the run .*run is already running, in process {os.getpid()}; wait for it or stop it"
    with pytest.raises(ArchbuilderError, match=message):
        begin(tmp_path / "run", observe=second)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchbuilderError, match=r"file/run: cannot be created: Not a directory"):
        begin(tmp_path / "file" / "run")


def test_patience_ends_a_run_and_still_does_after_a_stop(tmp_path: Path) -> None:
    poor = TrainSettings(epochs=12, batch_size=128, learning_rate=1e-9, patience=2)
    whole = begin(tmp_path / "whole", poor)
    assert len(whole.history) < 12
    begin(tmp_path / "run", poor, observe=Stopper(2, 1))
    go_on(tmp_path / "run")
    check_equal(tmp_path / "run", tmp_path / "whole")
    assert go_on(tmp_path / "run").history == whole.history


def test_divergence_stops_with_advice_and_leaves_the_last_good_epoch(tmp_path: Path) -> None:
    text = a_spec().document.standalone_text.replace("norm: batch", "norm: none")
    spec = type(a_spec()).from_text(text, "tiny.yaml")
    wild = TrainSettings(
        epochs=20, batch_size=64, optimizer=OptimizerName.SGD, learning_rate=100, weight_decay=1.0, warmup=0.9
    )
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SOURCES, "digits", few)
        with pytest.raises(TrainingDiverged) as caught:
            train_spec(spec, "digits", folder, settings=wild)
    first, second = str(caught.value).splitlines()
    assert "loss in epoch " in first or "loss after epoch " in first
    assert "at a learning rate of " in first
    assert "(the peak is 100); try a lower learning_rate, or batch norm" in first
    kept = read_checkpoint(folder / "last.safetensors")
    assert second.strip() == (
        f"epoch {read_checkpoint(folder).history[-1].epoch}, the best of {len(kept.history)} before, is saved in "
        f"{folder / 'best.safetensors'}"
    )
    assert all(tensor.isfinite().all() for tensor in kept.weights.values())
    assert len(metrics(folder)) == len(kept.history) >= 1


def save(path: Path, *, images: int = 300, flip_labels: bool = False, shift: float = 0.0) -> None:
    chosen = few(None).train  # type: ignore[arg-type]
    labels = chosen.labels.numpy().copy()[:images]
    if flip_labels:
        labels[:2] = labels[:2][::-1]
    pixels = chosen.images.numpy()[:images].astype(np.float32) / 16 + np.float32(shift)  # type: ignore[attr-defined]
    np.savez(path, images=pixels, labels=labels)


@pytest.mark.parametrize("change", [{"images": 299}, {"flip_labels": True}, {"shift": 0.01}])
def test_data_that_changed_is_noticed(tmp_path: Path, change: dict[str, Any]) -> None:
    save(tmp_path / "data.npz")
    address = f"npz:{tmp_path / 'data.npz'}"
    assert begin(tmp_path / "run", data=address, observe=Stopper(2, 1)).interrupted
    save(tmp_path / "data.npz", **change)
    message = (
        r"(?s)data\.npz: the images have changed since the run began\n"
        r".*206 training images.*\n  restore them, or accept the change: resume_run takes data='npz:"
    )
    with pytest.raises(ArchbuilderError, match=message):
        go_on(tmp_path / "run")
    with pytest.raises(ArchbuilderError, match=message):
        evaluate_checkpoint(tmp_path / "run")
    with (
        pytest.raises(ArchbuilderError, match=r"data\.npz: not a test set: of these \d+ images, it was trained on 206")
        if ("shift" not in change)
        else nullcontext()
    ):  # where every pixel is another, so is every image
        assert evaluate_checkpoint(tmp_path / "run", address).evaluation.images == 300


def test_a_label_that_changed_is_noticed_where_no_pixel_did(tmp_path: Path) -> None:
    chosen = few(None).train  # type: ignore[arg-type]
    images, labels = chosen.images.numpy(), chosen.labels.numpy()  # type: ignore[attr-defined]

    def save_parts(validation: Any) -> None:
        parts = {"train_images": images[:200], "train_labels": labels[:200], "val_images": images[200:250]}
        rest = {"val_labels": validation, "test_images": images[250:], "test_labels": labels[250:]}
        np.savez(tmp_path / "data.npz", **parts, **rest)

    save_parts(labels[200:250])
    begin(tmp_path / "run", data=f"npz:{tmp_path / 'data.npz'}", observe=Stopper(1, 1))
    save_parts(labels[200:250][::-1].copy())
    with pytest.raises(ArchbuilderError, match="the images have changed since the run began"):
        go_on(tmp_path / "run")


def test_rounding_of_the_mean_is_no_change_and_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Another machine or number of threads adds up in another order; the run goes on with what it began with.
    save(tmp_path / "data.npz")
    address = f"npz:{tmp_path / 'data.npz'}"
    begin(tmp_path / "whole", data=address)
    begin(tmp_path / "run", data=address, observe=Stopper(2, 1))
    station: Any = import_module("archbuilder.data.splits")
    real = station.measure

    def nudged(images: Any) -> Normalizer:
        found = real(images)
        return Normalizer(tuple(value * (1 + 1e-6) for value in found.mean), found.std)

    monkeypatch.setattr(station, "measure", nudged)
    go_on(tmp_path / "run")
    check_equal(tmp_path / "run", tmp_path / "whole")


def test_a_run_finds_its_images_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "data.npz")
    monkeypatch.chdir(tmp_path)
    begin(tmp_path / "run", data="npz:data.npz", observe=Stopper(1, 1))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(go_on(tmp_path / "run").history) == 3
    assert evaluate_checkpoint(tmp_path / "run").data == f"npz:{tmp_path / 'data.npz'}"


def test_a_run_goes_on_where_its_images_lie_now(tmp_path: Path) -> None:
    save(tmp_path / "data.npz")
    begin(tmp_path / "whole", data=f"npz:{tmp_path / 'data.npz'}")
    begin(tmp_path / "run", data=f"npz:{tmp_path / 'data.npz'}", observe=Stopper(1, 1))
    (tmp_path / "data.npz").rename(tmp_path / "moved.npz")
    finished = resume_run(tmp_path / "run", data=f"npz:{tmp_path / 'moved.npz'}")
    assert finished.setup.data == f"npz:{tmp_path / 'moved.npz'}"
    check_equal(tmp_path / "run", tmp_path / "whole")
    assert evaluate_checkpoint(tmp_path / "run").data == f"npz:{tmp_path / 'moved.npz'}"


def test_classes_are_told_apart_by_name_when_a_run_goes_on(tmp_path: Path) -> None:
    names = tuple("0123456789")
    begin(tmp_path / "run", observe=Stopper(2, 1))

    def go_on_with(*found: str, data: str | None = None) -> RunResult:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(SOURCES, "digits", lambda address: replace(few(address), class_names=found))
            return resume_run(tmp_path / "run", data=data)

    swapped = (*names[:8], "9", "8")
    for data in (None, "digits"):  # nobody may take one class for another, not even who names the data
        with pytest.raises(
            ArchbuilderError, match="in a different order than in the training: label 8 is '9', and was '8'"
        ):
            go_on_with(*swapped, data=data)
    renamed = (*names[:9], "nine")
    with pytest.raises(ArchbuilderError, match="classes before: 9\n  classes now: nine\n  restore"):
        go_on_with(*renamed)
    assert go_on_with(*renamed, data="digits").setup.class_names == renamed


def test_data_that_is_gone(tmp_path: Path) -> None:
    save(tmp_path / "data.npz")
    begin(tmp_path / "run", data=f"npz:{tmp_path / 'data.npz'}", observe=Stopper(1, 1))
    (tmp_path / "data.npz").unlink()
    with pytest.raises(ArchbuilderError, match=r"npz:.*data\.npz: no such file"):
        go_on(tmp_path / "run")


def test_data_that_does_not_fit_is_told_before_a_folder_is_made(tmp_path: Path) -> None:
    save(tmp_path / "data.npz", images=9)
    with pytest.raises(ArchbuilderError, match=r"data\.npz"):
        begin(tmp_path / "run", data=f"npz:{tmp_path / 'data.npz'}")
    assert not (tmp_path / "run").exists()


def test_a_run_outside_the_main_thread_is_no_different(tmp_path: Path, done: RunResult) -> None:
    found: list[RunResult] = []

    def work() -> None:
        torch.set_num_threads(1)
        found.append(begin(tmp_path / "run"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0].history == done.history


def test_resuming_without_the_data_of_the_test_says_so(done: RunResult) -> None:
    # All the digits instead of some of them.
    with pytest.raises(ArchbuilderError, match="digits: the images have changed since the run began"):
        resume_run(done.folder.path)


def test_lines_of_epochs_that_are_not_saved_go(tmp_path: Path, done: RunResult) -> None:
    begin(tmp_path / "run", observe=Stopper(2, 2))
    kept = (tmp_path / "run" / "metrics.jsonl").read_text()
    (tmp_path / "run" / "metrics.jsonl").write_text(
        kept + kept.replace('"epoch": 1', '"epoch": 2') + '{"epoch": 3, "tr'
    )
    go_on(tmp_path / "run")
    check_equal(tmp_path / "run", done.folder.path)


def test_a_run_goes_on_with_its_own_splits(tmp_path: Path) -> None:
    begin(tmp_path / "whole", split_seed=7)
    begin(tmp_path / "run", split_seed=7, observe=Stopper(2, 2))
    go_on(tmp_path / "run")
    check_equal(tmp_path / "run", tmp_path / "whole")
