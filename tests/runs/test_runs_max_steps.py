"""Runs of so many steps, whatever epochs these come to; and runs whose images are mixed, wherever they are stopped."""

import os
import signal
from pathlib import Path

import pytest

from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import TrainSettings
from archbuilder.runs import Event, StepTaken, read_checkpoint, resume_run
from archbuilder.training.schedule import learning_rate
from runs.tiny_runs import STEPS, Recorder, begin, check_equal, few_digits, go_on

SIX = TrainSettings(max_steps=6, batch_size=64)
MIXED = TrainSettings(
    max_steps=6,
    batch_size=64,
    flip=True,
    resized_crop=0.4,
    random_erasing=0.5,
    mixup=0.3,
    cutmix=1.0,
    label_smoothing=0.1,
    class_weights="balanced",
    mean=(4.5,),
    std=(6,),
    ema_decay=0.9,
)


def steps_of(events: list[Event]) -> list[tuple[int, int, int]]:
    taken = [event.step for event in events if isinstance(event, StepTaken)]
    return [(step.epoch, step.step, step.steps) for step in taken]


def test_a_run_ends_at_its_last_step_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    recorder = Recorder()
    result = begin(tmp_path / "run", SIX, observe=recorder)
    assert steps_of(recorder.events) == [*((1, step, STEPS) for step in range(1, STEPS + 1)), (2, 1, 2), (2, 2, 2)]
    assert [epoch.epoch for epoch in result.history] == [1, 2]
    assert not result.interrupted
    assert (result.setup.settings.epochs, result.setup.settings.max_steps) == (2, 6)
    assert result.history[-1].learning_rate == learning_rate(5, 6, result.setup.settings)


@pytest.mark.parametrize(("epochs", "steps"), [(1, STEPS), (2, 6), (5, 6)])
def test_whichever_of_epochs_and_steps_comes_first_ends_it(tmp_path: Path, epochs: int, steps: int) -> None:
    recorder = Recorder()
    result = begin(tmp_path / "run", TrainSettings(epochs=epochs, max_steps=6, batch_size=64), observe=recorder)
    assert len(steps_of(recorder.events)) == steps
    assert len(result.history) == result.setup.settings.epochs == min(epochs, 2)


@pytest.mark.parametrize("stops", [{1}, {4}, {5}, {2, 5}, {1, 2, 3, 4, 5}])
def test_a_run_that_mixes_images_becomes_the_same_wherever_it_was_stopped(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, stops: set[int]
) -> None:
    whole = tmp_path_factory.getbasetemp() / "mixed"
    if not whole.exists():
        begin(whole, MIXED)
    taken = 0

    def stop(event: Event) -> None:
        nonlocal taken
        if isinstance(event, StepTaken):
            taken += 1
            if taken in stops:
                os.kill(os.getpid(), signal.SIGINT)

    result, sessions = begin(tmp_path / "run", MIXED, observe=stop), 1
    while result.interrupted:
        result, sessions = go_on(tmp_path / "run", stop), sessions + 1
    assert (taken, sessions) == (6, 1 + len(stops))
    check_equal(tmp_path / "run", whole)
    setup = read_checkpoint(tmp_path / "run").setup
    assert (setup.mean, setup.std) == ((4.5,), (6.0,))


def test_patience_ends_it_before(tmp_path: Path) -> None:
    result = begin(tmp_path / "run", TrainSettings(max_steps=1000, batch_size=64, learning_rate=1e-9, patience=1))
    assert result.setup.settings.epochs == 250
    assert len(result.history) < 10
    assert not result.interrupted


def test_more_epochs_replace_its_steps_and_go_on_from_the_last(tmp_path: Path) -> None:
    begin(tmp_path / "run", SIX)
    recorder = Recorder()
    with few_digits():
        result = resume_run(tmp_path / "run", epochs=4, observe=recorder)
    assert steps_of(recorder.events) == [(epoch, step, STEPS) for epoch in (3, 4) for step in range(1, STEPS + 1)]
    settings = result.setup.settings
    assert (settings.epochs, settings.max_steps, len(result.history)) == (4, None, 4)
    assert result.history[2].learning_rate == learning_rate(9, 14, settings)  # 4, 2, 4 and 4 steps
    progress = read_checkpoint(tmp_path / "run" / "last.safetensors").state.data["progress"]
    assert (progress["epochs"], progress["before"]) == (4, 14)


def test_a_complete_run_has_nothing_to_resume(tmp_path: Path) -> None:
    begin(tmp_path / "run", SIX)
    recorder = Recorder()
    go_on(tmp_path / "run", recorder)
    assert steps_of(recorder.events) == []


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (TrainSettings(cutout=8), r"^cutout 8: images are 8 x 8, expected at most 7$"),
        (TrainSettings(class_weights=(1, 2)), r"^class_weights: found 2 numbers, expected one for each of 10 classes$"),
        (
            TrainSettings(mean=(1, 2, 3), std=(1, 1, 1)),
            r"^mean and std: found 3 numbers, expected one for each of 1 channels of 'digits'$",
        ),
        (
            TrainSettings(mean=(0.1,), std=(0.1,)),
            r"^mean and std: found a mean of 0.1 and a standard deviation of 0.1, but the images' mean is 4.87068; "
            r"they are in the data set's own values, 0 to 255 for most: multiply numbers for 0 to 1 by 255$",
        ),
    ],
)
def test_settings_that_do_not_suit_the_images_are_told_before_a_folder_is_made(
    tmp_path: Path, recipe: TrainSettings, message: str
) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        begin(tmp_path / "run", recipe)
    assert not (tmp_path / "run").exists()
