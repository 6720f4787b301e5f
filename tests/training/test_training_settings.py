import pytest
from pydantic import ValidationError

from archbuilder.training import TrainSettings


def test_an_empty_mapping_is_enough() -> None:
    assert TrainSettings.model_validate({}) == TrainSettings()


def test_a_whole_number_is_a_learning_rate_too() -> None:
    assert TrainSettings.model_validate({"learning_rate": 1}).learning_rate == 1.0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, "greater than or equal to 1"),
        ("epochs", True, "valid integer"),
        ("epochs", 2.0, "valid integer"),
        ("batch_size", 1, "greater than or equal to 2"),
        ("batch_size", "128", "valid integer"),
        ("learning_rate", 0.0, "greater than 0"),
        ("learning_rate", float("nan"), "finite number"),
        ("weight_decay", -0.1, "greater than or equal to 0"),
        ("label_smoothing", 1.0, "less than 1"),
        ("momentum", 0.9, "Extra inputs are not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=rf"{name}\n.*{message}"):
        TrainSettings.model_validate({name: value})


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TrainSettings().epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", TrainSettings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    assert TrainSettings.model_fields[name].description
