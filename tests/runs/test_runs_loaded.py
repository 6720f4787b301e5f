"""Training on images that are loaded: the same run as by an address, and one that goes on by itself."""

from pathlib import Path

import pytest
import torch

from archbuilder import ArchbuilderError, load
from archbuilder.data import load_data
from archbuilder.recipe import TrainSettings
from archbuilder.runs import read_checkpoint, train_loaded, train_spec

SETTINGS = TrainSettings(epochs=2, batch_size=256)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(folder).weights


def test_it_is_the_run_that_the_address_gives(tmp_path: Path) -> None:
    spec, data = load("inception_digits"), load_data("digits")
    result = train_loaded(spec, data, tmp_path / "loaded", settings=SETTINGS, seed=3)
    train_spec(spec, "digits", tmp_path / "named", settings=SETTINGS, seed=3)
    ours, theirs = weights(tmp_path / "loaded"), weights(tmp_path / "named")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert len(result.history) == 2
    again = train_loaded(spec, data, tmp_path / "loaded", settings=SETTINGS, seed=3)
    assert again.history == result.history


def test_another_run_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    spec, data = load("inception_digits"), load_data("digits")
    train_loaded(spec, data, tmp_path, settings=SETTINGS, seed=3)
    kept = weights(tmp_path)
    with pytest.raises(ArchbuilderError, match=r"has another run; delete it to begin this one"):
        train_loaded(spec, data, tmp_path, settings=SETTINGS, seed=4)
    assert all(torch.equal(kept[name], tensor) for name, tensor in weights(tmp_path).items())


def test_images_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchbuilderError, match="the network does not fit the data set"):
        train_loaded(load("inception_small_28"), load_data("digits"), tmp_path, settings=SETTINGS)
    assert not list(tmp_path.iterdir())
