import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from archbuilder.errors import ArchbuilderError
from archbuilder.optimizers import OptimizerName
from archbuilder.recipe import Schedule, TrainSettings


def test_an_empty_mapping_is_enough() -> None:
    assert TrainSettings.model_validate({}) == TrainSettings()


def test_a_whole_number_is_a_learning_rate_too() -> None:
    assert TrainSettings.model_validate({"learning_rate": 1}).learning_rate == 1.0


@pytest.mark.parametrize(("optimizer", "rate", "decay"), [("adamw", 0.015, 0.01), ("sgd", 0.2, 0.0005)])
def test_rate_and_decay_are_the_optimizers_usual_ones_unless_given(optimizer: str, rate: float, decay: float) -> None:
    usual = TrainSettings.model_validate({"optimizer": optimizer})
    assert usual.optimizer is OptimizerName(optimizer)
    assert (usual.peak_rate, usual.decay) == (rate, decay)
    given = TrainSettings.model_validate({"optimizer": optimizer, "learning_rate": 0.7, "weight_decay": 0.0})
    assert (given.peak_rate, given.decay) == (0.7, 0.0)


@pytest.mark.parametrize(("optimizer", "rate"), [("adamw", 0.0075), ("sgd", 0.05)])
def test_of_smaller_batches_the_usual_rate_is_smaller(optimizer: str, rate: float) -> None:
    usual = TrainSettings.model_validate({"optimizer": optimizer, "batch_size": 32})
    assert usual.peak_rate == pytest.approx(rate)
    large = TrainSettings.model_validate({"optimizer": optimizer, "batch_size": 512})
    assert large.peak_rate == TrainSettings.model_validate({"optimizer": optimizer}).peak_rate


@pytest.mark.parametrize(("images", "size"), [(50_000, 128), (4096, 128), (4095, 64), (1259, 32), (175, 8), (20, 8)])
def test_an_epoch_has_32_steps_unless_the_batch_is_given(images: int, size: int) -> None:
    assert TrainSettings().for_images(images).batch_size == size
    given = TrainSettings(batch_size=128)
    assert given.for_images(images) is given
    resolved = TrainSettings(epochs=3).for_images(images)
    assert resolved.for_images(7).batch_size == size  # once it is known, it stays
    assert TrainSettings.model_validate(resolved.model_dump(mode="json")).for_images(7) == resolved


@pytest.mark.parametrize(("schedule", "rise"), [("one_cycle", 0.3), ("cosine", 0.05), ("constant", 0.05)])
def test_the_rise_is_the_schedules_usual_one_unless_given(schedule: str, rise: float) -> None:
    usual = TrainSettings.model_validate({"schedule": schedule})
    assert usual.schedule is Schedule(schedule)
    assert usual.warmup_share == rise
    assert TrainSettings.model_validate({"schedule": schedule, "warmup": 0.0}).warmup_share == 0.0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, "greater than or equal to 1"),
        ("epochs", True, "valid integer"),
        ("epochs", 2.0, "valid integer"),
        ("batch_size", 1, "greater than or equal to 2"),
        ("batch_size", "128", "valid integer"),
        ("optimizer", "adam", "'adamw' or 'sgd'"),
        ("learning_rate", 0.0, "greater than 0"),
        ("learning_rate", float("nan"), "finite number"),
        ("learning_rate", "0.1", "valid number"),
        ("schedule", "linear", "'one_cycle', 'cosine' or 'constant'"),
        ("warmup", -0.1, "greater than or equal to 0"),
        ("warmup", 1.0, "less than or equal to 0.9"),
        ("momentum", 1.0, "less than 1"),
        ("weight_decay", -0.1, "greater than or equal to 0"),
        ("label_smoothing", 1.0, "less than 1"),
        ("clip_norm", -1.0, "greater than or equal to 0"),
        ("flip", 1, "valid boolean"),
        ("crop", -1, "greater than or equal to 0"),
        ("cutout", 2.5, "valid integer"),
        ("max_steps", 0, "greater than or equal to 1"),
        ("resized_crop", 0.0, "greater than 0"),
        ("resized_crop", 1.1, "less than or equal to 1"),
        ("color_jitter", 1.1, "a number from 0 to 1, or a list of three"),
        ("color_jitter", [0.1, 0.1], "a number from 0 to 1, or a list of three"),
        ("color_jitter", [0.1, 0.1, 0.1, 0.6], "a number from 0 to 1, or a list of three"),
        ("auto_augment", "augmix", "'randaugment' or 'trivialaugment'"),
        ("random_erasing", 1.5, "less than or equal to 1"),
        ("mixup", -0.1, "greater than or equal to 0"),
        ("cutmix", float("inf"), "finite number"),
        ("class_weights", [1.0, 0.0], "balanced, or a list of positive numbers"),
        ("class_weights", "inverse", "balanced, or a list of positive numbers"),
        ("balanced_sampling", 1, "valid boolean"),
        ("mean", [], "a list of numbers, one for each channel"),
        ("mean", ["a"], "a list of numbers, one for each channel"),
        ("std", [True], "a list of numbers, one for each channel"),
        ("ema_decay", 0.0, "greater than 0"),
        ("ema_decay", 1.0, "less than 1"),
        ("patience", 0, "greater than or equal to 1"),
        ("average", 0.9, "Extra inputs are not permitted"),
        ("dropout", 0.9, "Extra inputs are not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=rf"{name}\n.*{message}"):
        TrainSettings.model_validate({name: value})


def test_settings_survive_json() -> None:
    settings = TrainSettings(
        epochs=3,
        optimizer=OptimizerName.SGD,
        schedule=Schedule.COSINE,
        learning_rate=0.1,
        warmup=0.2,
        weight_decay=1e-4,
        clip_norm=1.0,
        ema_decay=0.99,
        patience=2,
    )
    assert TrainSettings.model_validate_json(settings.model_dump_json()) == settings
    assert TrainSettings.model_validate(settings.model_dump(mode="json")) == settings


def test_lists_are_kept_as_numbers_and_survive_json() -> None:
    settings = TrainSettings(
        color_jitter=[0.4, 0.3, 0.2], class_weights=[1, 2], mean=[123.7, 116, 103], std=[58, 57, 57], max_steps=7
    )
    assert settings.color_jitter == (0.4, 0.3, 0.2)
    assert settings.class_weights == (1.0, 2.0)
    assert hash(settings) == hash(TrainSettings.model_validate(settings.model_dump()))
    assert TrainSettings.model_validate_json(settings.model_dump_json()) == settings
    assert TrainSettings.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"resized_crop": 0.5, "crop": 2},
            "resized_crop: found 0.5, expected no resized_crop beside crop: both crop",
        ),
        (
            {"auto_augment": "randaugment", "color_jitter": 0.1},
            "expected no auto_augment beside color_jitter: auto_",
        ),
        (
            {"random_erasing": 0.5, "cutout": 2},
            "random_erasing: found 0.5, expected no random_erasing beside cutout: ",
        ),
        (
            {"class_weights": "balanced", "balanced_sampling": True},
            "expected no balanced weights beside balanced_s",
        ),
        ({"mean": [1, 2]}, "std: found nothing, expected std beside mean: a normalization needs both"),
        ({"std": [1, 2]}, "std: found [1, 2], expected mean beside std: a normalization needs both"),
        ({"mean": [1, 2], "std": [1]}, "std: found [1], expected as many numbers as mean has: 2"),
        ({"mean": [1], "std": [0]}, "std.0: found 0, expected more than 0"),
    ],
)
def test_settings_that_exclude_each_other_say_why(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchbuilderError) as caught:
        TrainSettings(**values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "images", "epochs"),
    [
        ({"max_steps": 100, "batch_size": 10}, 100, 10),
        ({"max_steps": 101, "batch_size": 10}, 100, 11),
        ({"max_steps": 101, "batch_size": 10, "epochs": 3}, 100, 3),
        ({"max_steps": 25, "batch_size": 10, "epochs": 8}, 100, 3),
        ({"max_steps": 41}, 1259, 2),  # batches of 32
        ({"max_steps": 1, "batch_size": 10}, 3, 1),
    ],
)
def test_steps_come_to_epochs_once_the_images_are_known(given: dict[str, Any], images: int, epochs: int) -> None:
    settings = TrainSettings(**given).for_images(images)
    assert settings.epochs == epochs
    assert settings.for_images(images) == settings
    assert TrainSettings.model_validate(settings.model_dump(mode="json")).for_images(images) == settings


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TrainSettings().epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", TrainSettings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    assert TrainSettings.model_fields[name].description


def test_reading_settings_needs_no_torch() -> None:
    code = "import sys, archbuilder.recipe; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "TrainSettings: epochs: found 0, expected at least 1"),
        ({"epochs": "5"}, "TrainSettings: epochs: found the string '5', expected an integer"),
        (
            {"optimizer": "adam", "warmup": 2.0},
            "TrainSettings: optimizer: found the string 'adam', expected one of adamw, sgd; did you mean adamw?\n"
            "TrainSettings: warmup: found 2.0, expected at most 0.9",
        ),
    ],
)
def test_in_python_a_wrong_setting_is_told_as_other_errors_are(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchbuilderError) as caught:
        TrainSettings(**values)
    assert str(caught.value) == message


def test_in_python_a_misspelled_setting_gets_a_suggestion() -> None:
    with pytest.raises(ArchbuilderError, match=r"unknown key 'epoch' for TrainSettings; did you mean epochs\?"):
        TrainSettings(epoch=3)  # type: ignore[call-arg]
