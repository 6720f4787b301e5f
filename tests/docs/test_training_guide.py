"""`docs/training.md` says what is true: its commands and its code run, its table is that of the settings."""

import contextlib
import io
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.guides import code_blocks
from test_readme import commands, pattern, run

from archbuilder.recipe import TrainSettings

GUIDE = (Path(__file__).parents[2] / "docs" / "training.md").read_text()


blocks = partial(code_blocks, GUIDE)


def test_commands_print_what_is_shown(tmp_path: Path) -> None:
    (block,) = blocks("console varies")
    for command, output in commands(block):
        real = run(command, tmp_path)
        assert re.fullmatch(pattern(output, varies=True), real), f"$ {command}\n{real}"
    assert {path.name for path in (tmp_path / "runs" / "digits").iterdir()} >= {
        "best.safetensors",
        "last.safetensors",
        "metrics.jsonl",
    }


def test_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for code, text in zip(blocks("python"), blocks("text"), strict=True):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "training.md", "exec"), names)
        assert printed.getvalue() == text


def test_the_table_is_that_of_the_settings() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", GUIDE, re.MULTILINE))
    fields = TrainSettings.model_fields
    assert rows.keys() == fields.keys()
    one, other = TrainSettings(), TrainSettings(optimizer="sgd", schedule="cosine")
    usual = {
        "learning_rate": (one.peak_rate, other.peak_rate),
        "weight_decay": (one.decay, other.decay),
        "warmup": (one.warmup_share, other.warmup_share),
    }
    for name, shown in rows.items():
        default = fields[name].default
        if name in usual:
            assert shown.strip() == "{:g} or {:g}".format(*usual[name])
        elif default is None:
            assert shown.strip() == "none"
        else:
            assert shown.strip() == str(default).lower().replace("0.0", "0")
