"""`docs/finetuning.md` says what is true: its commands and its code run, on pictures of a color for each class."""

import contextlib
import io
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.guides import code_blocks
from test_readme import commands, pattern, run

from archbuilder import TrainSettings, load, train_spec
from archbuilder.study.settings import StudyFile

GUIDE = (Path(__file__).parents[2] / "docs" / "finetuning.md").read_text()
ANIMALS = {"cat": (200, 120, 40), "dog": (90, 60, 40), "fish": (40, 90, 200), "frog": (60, 180, 60)}
FLOWERS = {"rose": (220, 40, 60), "tulip": (230, 200, 60), "violet": (120, 60, 200)}


blocks = partial(code_blocks, GUIDE)


def write(folder: Path, colors: dict[str, tuple[int, int, int]], count: int) -> None:
    noise = np.random.default_rng(0)
    for name, color in colors.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = noise.normal(color, 25, (36, 36, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with pictures of animals and flowers, and a network that was trained on the animals."""
    place = tmp_path_factory.mktemp("guide")
    write(place / "animals", ANIMALS, 24)
    write(place / "flowers", FLOWERS, 30)
    spec = load("inception_small_32").with_classes(4)
    with contextlib.chdir(place):
        train_spec(spec, "folder:animals@32", "runs/animals", settings=TrainSettings(epochs=3))
        (block,) = blocks("console varies")
        for command, output in commands(block):
            real = run(command, place)
            assert re.fullmatch(pattern(output, varies=True), real), f"$ {command}\n{real}"
    return place


def test_the_code_runs_after_the_commands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (code,), (text,) = blocks("python"), blocks("text")
    printed = io.StringIO()
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "finetuning.md", "exec"), names)
    assert printed.getvalue() == text


def test_the_keys_of_a_study_are_those_of_the_guide() -> None:
    (block,) = blocks("yaml")
    said = re.findall(r"(\w+):", block.partition("{")[2])
    fields = StudyFile.model_fields["train"].annotation
    assert fields is not None
    assert set(said) <= set(fields.model_fields)
    listed = re.search(r"^(`weights`.*) are keys of `train:`", GUIDE, re.MULTILINE)
    assert listed is not None
    assert set(re.findall(r"`(\w+)`", listed[1])) <= set(fields.model_fields)
