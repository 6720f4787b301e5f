"""The default recipe trains small networks on few images, with batch norm and without."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from archbuilder import NetworkSpec, load
from archbuilder.recipe import TrainSettings
from archbuilder.runs import train_spec

EPOCHS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 250 pictures, 25 of each of the ten digits."""
    place = tmp_path_factory.mktemp("pictures")
    images, labels = load_digits(return_X_y=True)
    for digit in range(10):
        (place / str(digit)).mkdir()
        for number, pixels in enumerate(images[labels == digit][:25]):
            picture = Image.fromarray((pixels.reshape(8, 8) * 15.9).astype(np.uint8))
            picture.convert("RGB").resize((32, 32)).save(place / str(digit) / f"{number}.png")
    return place


def spec_of(name: str, norm: bool) -> NetworkSpec:
    text = load(name).text
    assert "norm: batch" in text
    return NetworkSpec.from_text(text if norm else text.replace("norm: batch", "norm: none"))


@pytest.mark.parametrize("norm", [True, False], ids=["batch norm", "no norm"])
@pytest.mark.parametrize(
    ("name", "data"),
    [("inception_digits", "digits"), ("inception_small_28", "@28@gray"), ("inception_small_32", "@32")],
)
def test_the_defaults_train(name: str, data: str, norm: bool, folder: Path, tmp_path: Path) -> None:
    address = data if data == "digits" else f"folder:{folder}{data}"
    result = train_spec(spec_of(name, norm), address, tmp_path / "run", settings=TrainSettings(epochs=EPOCHS))
    losses = [epoch.validation_loss for epoch in result.history]
    # Guessing among ten classes has 2.3 nats; with two steps an epoch it had been 7 to 90 in between.
    assert max(losses) < 5
    assert result.history[-1].train_loss < 0.97 * result.history[0].train_loss
    assert result.best.validation_accuracy > 0.15
