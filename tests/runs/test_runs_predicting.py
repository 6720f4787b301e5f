"""Predictions of pictures by a network that was trained on a folder of pictures."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archbuilder import ArchbuilderError, Checkpoint, NetworkSpec, Prediction, TrainSettings
from archbuilder.runs import RunResult, train_spec
from archbuilder.runs.predicting import Unreadable, predictions, scale_note
from runs.picture_runs import SPEC, picture, train_on_pictures


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Checkpoint]:
    folder = tmp_path_factory.mktemp("pictures")
    return folder, train_on_pictures(folder).checkpoint()


def test_a_picture_is_told_by_its_brightness(trained: tuple[Path, Checkpoint]) -> None:
    folder, checkpoint = trained
    for name in ("dark", "light"):
        (found,) = checkpoint.predict(folder / "data" / name / "0.png")
        assert isinstance(found, Prediction)
        assert found.file == str(folder / "data" / name / "0.png")
        assert found.classes[0][0] == name
        assert [label for label, _ in found.classes] == [name, "light" if name == "dark" else "dark"]
        assert sum(value for _, value in found.classes) == pytest.approx(1)


def test_probabilities_are_those_of_the_logits(trained: tuple[Path, Checkpoint]) -> None:
    folder, checkpoint = trained
    files = sorted((folder / "data" / "dark").iterdir())
    with torch.inference_mode():
        expected = checkpoint.network()(checkpoint.read_images(files)).softmax(dim=1)
    names = checkpoint.setup.class_names
    for each, row in zip(checkpoint.predict(files, batch_size=3), expected.tolist(), strict=True):
        assert dict(each.classes) == pytest.approx(dict(zip(names, row, strict=True)), abs=1e-6)


def test_what_is_taken_for_a_picture(trained: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    _, checkpoint = trained
    picture(200).resize((70, 90)).save(tmp_path / "large.jpg")
    content = (tmp_path / "large.jpg").read_bytes()
    opened = Image.open(tmp_path / "large.jpg")
    ways = [checkpoint.predict(each, top=1) for each in (tmp_path / "large.jpg", str(tmp_path / "large.jpg"), content)]
    ways += [checkpoint.predict(opened, top=1), checkpoint.predict([tmp_path / "large.jpg"], top=1)]
    assert len({found[0].classes for found in ways}) == 1
    assert [found[0].file for found in ways] == [str(tmp_path / "large.jpg")] * 2 + ["-"] + [
        str(tmp_path / "large.jpg")
    ] * 2
    assert len(ways[0][0].classes) == 1
    assert len(checkpoint.predict(opened, top=100)[0].classes) == 2


def test_folders_are_read_with_all_that_is_below(trained: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    _, checkpoint = trained
    for name in ("b.png", "a.png", "deep/er/c.png", ".hidden.png", ".git/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture(60).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    found = [each.file for each in checkpoint.predict(tmp_path)]
    assert found == [str(tmp_path / name) for name in ("a.png", "b.png", "deep/er/c.png")]


def test_the_rest_is_predicted_where_pictures_cannot_be_read(trained: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    folder, checkpoint = trained
    (tmp_path / "broken.png").write_bytes(b"\x89PNG and nothing")
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "images.npz", images=np.zeros((2, 8, 8)))
    good = folder / "data" / "dark" / "0.png"
    given: list[Path | str | bytes] = [
        tmp_path / "broken.png",
        good,
        tmp_path / "no.png",
        tmp_path / "empty",
        "digits",
        tmp_path / "images.npz",
    ]
    found = list(predictions(checkpoint, [*given, "npz:a.npz", b"", good], batch_size=2))
    reasons = [each.reason if isinstance(each, Unreadable) else "" for each in found]
    assert [bool(reason) for reason in reasons] == [True, False, True, True, True, True, True, True, False]
    for reason, message in zip(
        [reason for reason in reasons if reason],
        [
            "broken.png: the image cannot be read: it is not an image; fix or remove the file",
            "no.png: the image cannot be read: No such file or directory",
            "empty: no images in it; the extensions of images are ",
            "digits: is a data set, not a picture; evaluate_checkpoint takes data='digits'",
            "images.npz: is a data set, not a picture; evaluate_checkpoint takes data=",
            "npz:a.npz: is a data set, not a picture",
            "-: the image cannot be read: it is empty",
        ],
        strict=True,
    ):
        assert message in reason
    with pytest.raises(ArchbuilderError, match=r"broken\.png: the image cannot be read"):
        checkpoint.predict([good, tmp_path / "broken.png"])


def test_a_training_on_other_values_than_those_of_pictures_is_noted(
    done: RunResult, trained: tuple[Path, Checkpoint]
) -> None:
    assert scale_note(trained[1]) == ""
    assert scale_note(done.checkpoint()).startswith("trained on digits, whose values (mean 4.")


def test_bytes_that_are_no_picture(trained: tuple[Path, Checkpoint]) -> None:
    content = io.BytesIO()
    picture(10).save(content, "PNG")
    with pytest.raises(ArchbuilderError, match="-: the image cannot be read: it is not an image"):
        trained[1].predict(b"hello")
    with pytest.raises(ArchbuilderError, match="the image cannot be read"):
        trained[1].predict(content.getvalue()[:60])


def test_every_band_is_read_as_in_training(tmp_path: Path) -> None:
    for name, level in (("dark", 2_000), ("light", 40_000)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(12):
            noise = np.random.default_rng(number).normal(level, 500, (4, 12, 12)).clip(0, 65_535).astype(np.uint16)
            first, *others = (Image.fromarray(band) for band in noise)
            first.save(tmp_path / "data" / name / f"{number}.tif", save_all=True, append_images=others)
    spec = NetworkSpec.from_text(SPEC.replace("channels: 3", "channels: 4"), "bands.yaml")
    data = f"folder:{tmp_path / 'data'}@bands"
    checkpoint = train_spec(spec, data, tmp_path / "run", settings=TrainSettings(epochs=4)).checkpoint()
    files = [tmp_path / "data" / name / "0.tif" for name in ("dark", "light")]
    with torch.inference_mode():
        expected = checkpoint.network()(checkpoint.read_images(files)).softmax(dim=1)
    by_name = [dict(each.classes) for each in checkpoint.predict(files)]
    from_bytes = [dict(each.classes) for each in checkpoint.predict([file.read_bytes() for file in files])]
    names = checkpoint.setup.class_names
    for found in (by_name, from_bytes):
        for each, row in zip(found, expected.tolist(), strict=True):
            assert each == pytest.approx(dict(zip(names, row, strict=True)), abs=1e-6)
