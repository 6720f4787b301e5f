"""`docs/distillation.md` says what is true: its commands and its code run, its table is that of the settings."""

import contextlib
import io
import re
from functools import partial
from pathlib import Path

import pytest
import yaml
from support.guides import code_blocks
from test_readme import commands, pattern, run

from archbuilder.recipe import TrainSettings
from archbuilder.recipe_teacher import TeacherSettings
from archbuilder.training.teacher import MOST_CACHED

GUIDE = (Path(__file__).parents[2] / "docs" / "distillation.md").read_text()


blocks = partial(code_blocks, GUIDE)


def test_commands_print_what_is_shown(tmp_path: Path) -> None:
    (block,) = blocks("console varies")
    for command, output in commands(block):
        real = run(command, tmp_path)
        assert re.fullmatch(pattern(output, varies=True), real), f"$ {command}\n{real}"


def test_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,), (text,) = blocks("python"), blocks("text")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "distillation.md", "exec"), {})
    assert printed.getvalue() == text


def test_the_mapping_is_a_setting() -> None:
    (text,) = blocks("yaml")
    settings = TrainSettings.model_validate(yaml.safe_load(text)["train"])
    assert settings.teacher is not None
    assert settings.teacher.temperature == TeacherSettings(run="a").temperature


def test_the_table_is_that_of_the_settings() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", GUIDE, re.MULTILINE))
    fields = TeacherSettings.model_fields
    assert rows.keys() == fields.keys()
    for name, shown in rows.items():
        default = fields[name].default
        expected = "needed" if fields[name].is_required() else "none" if default == {} else f"{default:g}"
        assert shown.strip() == expected, name


def test_what_is_held_is_as_much_as_it_says() -> None:
    assert f"up to {MOST_CACHED // 2**20} MiB" in GUIDE
    assert round(60_000 * 10 * 4 / 2**20, 1) == 2.3
    assert round(60_000 * 64 * 7 * 7 * 4 / 2**20) == 718
