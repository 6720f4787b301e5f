"""Which images a run is measured on: matched by class names, and never a test if it has seen them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archbuilder.data import load_data
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import TrainSettings
from archbuilder.runs.choosing import Chosen, choose_images
from archbuilder.runs.class_names import match_classes
from archbuilder.runs.seen import SeenImages, read_seen
from archbuilder.runs.setup import RunSetup

CLASSES = ("bird", "cat", "dog")


def fill(folder: Path, classes: tuple[str, ...] = CLASSES, count: int = 10, start: int = 0) -> Path:
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(start, start + count):
            pixels = np.random.default_rng(1000 * label + number).integers(0, 256, (4, 4), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


class Run:
    """A run that was trained on a folder, as far as its images go."""

    def __init__(self, folder: Path) -> None:
        data = load_data(f"folder:{folder}")
        self.seen = SeenImages.of(data)
        self.setup = RunSetup(
            spec="",
            spec_name="",
            data=f"folder:{folder}",
            split_seed=0,
            class_names=data.class_names,
            mean=(0,),
            std=(1,),
            fingerprints=data.fingerprints(),
            settings=TrainSettings(),
            seed=0,
        )

    def choose(self, data: Path | None = None, split: str | None = None) -> Chosen:
        text = None if data is None else f"folder:{data}"
        return choose_images(self.setup, self.seen, text, split, channels=1)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(fill(tmp_path / "own"))  # 6 to train, 2 to validate and 2 to test a class


def test_its_own_images_are_parted_as_in_training_wherever_they_lie(run: Run, tmp_path: Path) -> None:
    own = run.choose()
    assert (own.split, len(own.images), own.notes) == ("test", 6, ())
    shutil.copytree(tmp_path / "own", tmp_path / "moved")
    moved = run.choose(tmp_path / "moved")
    assert (moved.split, moved.notes) == ("test", ())
    assert torch.equal(moved.images.digests(), own.images.digests())


def test_images_it_has_seen_are_no_test_and_the_others_can_be_measured(run: Run, tmp_path: Path) -> None:
    grown = fill(tmp_path / "own", start=10, count=2)
    with pytest.raises(ArchbuilderError, match="the images have changed since the run") as caught:
        run.choose()
    assert f"evaluate_checkpoint takes data='folder:{grown}' and split='unseen'" in str(caught.value)
    message = r"not a test set: of these 36 images, it was trained on 18 and its best epoch was selected by 6\n"
    with pytest.raises(ArchbuilderError, match=message):
        run.choose(grown)
    with pytest.raises(ArchbuilderError, match=r"not a test set: of these \d+ images"):
        run.choose(grown, "test")
    unseen = run.choose(grown, "unseen")  # as is advised
    assert (unseen.split, len(unseen.images)) == ("unseen", 12)
    assert unseen.notes == ("skipped: 18 images that it was trained on, 6 that selected its best epoch",)
    assert len(run.choose(grown, "train").images) == 3 * 8  # who asks for them gets them


def test_all_of_another_set_or_its_test_split(run: Run, tmp_path: Path) -> None:
    other = run.choose(fill(tmp_path / "other", start=50))
    assert (other.split, len(other.images), other.notes) == ("all", 30, ())
    fill(tmp_path / "parted" / "test", ("dog", "Cat"), count=3, start=70)
    alone = run.choose(tmp_path / "parted")
    assert (alone.split, alone.class_names, alone.notes) == ("test", CLASSES, ("no images of bird",))
    assert sorted(alone.images.labels.tolist()) == [1, 1, 1, 2, 2, 2]
    fill(tmp_path / "parted" / "train", ("bird",), count=4, start=90)
    assert len(run.choose(tmp_path / "parted").images) == 6
    assert run.choose(tmp_path / "parted", "all").images.labels.bincount().tolist() == [4, 3, 3]


def test_copies_in_its_own_test_split_are_noted(tmp_path: Path) -> None:
    fill(tmp_path / "own" / "train", count=10)
    fill(tmp_path / "own" / "test", count=4, start=8)
    run = Run(tmp_path / "own")
    chosen = run.choose()
    copies = int(torch.isin(chosen.images.digests(), run.seen.train).sum())
    assert copies > 0
    assert chosen.notes == (f"duplicates of its training images among these: {copies}",)


def test_what_a_run_has_seen_is_kept_and_grows(run: Run, tmp_path: Path) -> None:
    assert read_seen(tmp_path) is None
    run.seen.save(tmp_path)
    other = SeenImages(torch.tensor([1]), torch.tensor([2])).union_with_saved(tmp_path)
    assert (len(other.train), len(other.validation)) == (19, 7)
    (tmp_path / "seen.safetensors").write_bytes(b"x")
    with pytest.raises(
        ArchbuilderError, match=r"seen\.safetensors: not a whole .*\n  delete .* to continue without it$"
    ):
        read_seen(tmp_path)


def test_a_run_that_went_on_with_other_images_has_seen_the_first_ones_too(run: Run, tmp_path: Path) -> None:
    run.seen.save(tmp_path)
    now = Run(fill(tmp_path / "own", start=10, count=20))
    now.seen = now.seen.union_with_saved(tmp_path)
    with pytest.raises(ArchbuilderError, match=r"own: not a test set: of these 15 images, it was trained on \d"):
        now.choose()
    assert 0 < len(now.choose(split="unseen").images) < 15


def test_what_is_not_known_is_said(run: Run, tmp_path: Path) -> None:
    other = fill(tmp_path / "other", start=50)
    chosen = choose_images(run.setup, None, f"folder:{other}", None, channels=1)
    assert chosen.notes == ("the network may have been trained on some of these images: seen.safetensors is missing",)
    with pytest.raises(ArchbuilderError, match="the images that the run has seen are unknown"):
        choose_images(run.setup, None, f"folder:{other}", "unseen", channels=1)


@pytest.mark.parametrize(
    ("found", "places"),
    [
        (("dog", "cat"), [2, 1]),
        (("BIRD", "Cat", "dog "), [0, 1, 2]),
        (("0", "1", "2"), [0, 1, 2]),  # by place
    ],
)
def test_classes_that_are_matched(found: tuple[str, ...], places: list[int]) -> None:
    assert match_classes("x", found, CLASSES)[0] == places


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (("bird", "cat", "wolf"), "^x: found classes unknown to the training: wolf; expected some or all classes of"),
        (("fish", "fox", "hare"), "classes unknown to the training: fish, fox, hare;"),
        (("0", "1"), "classes unknown to the training: 0, 1;"),
        (("Dog", "dog"), "found two classes that match one of the training"),
    ],
)
def test_classes_that_are_not_guessed(found: tuple[str, ...], message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        match_classes("x", found, CLASSES)
