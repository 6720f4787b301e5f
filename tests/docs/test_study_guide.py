"""`docs/study.md` says what is true: its study loads and runs, and its tables are the models'."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.guides import code_blocks
from test_readme import commands, pattern, run

from archbuilder.study import load_study
from archbuilder.study.settings import FinalsSettings, SearchSettings

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "study.md").read_text()


blocks = partial(code_blocks, GUIDE)


def test_the_study_runs_and_what_it_finds_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (study,) = blocks("yaml")
    short = study.replace("epochs: 2", "epochs: 1").replace("seeds: 2", "seeds: 1")
    assert short.count(": 1}") == study.count(": 1}") + 2
    Path("my_widths.yaml").write_text(short)
    assert load_study("my_widths.yaml").settings.search.trials == 6
    (code,) = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(code, "study.md", "exec"), names)
    assert names["result"].best_spec == Path("runs/my-widths/best.yaml")
    assert names["best"].cost["macs"] <= 1_200_000


def test_the_space_is_what_is_shown(tmp_path: Path) -> None:
    (study,), (console, _) = blocks("yaml"), blocks("console")
    (tmp_path / "my_widths.yaml").write_text(study)
    ((command, output),) = commands(console)
    assert re.fullmatch(pattern(output, varies=False), run(command, tmp_path))


def test_the_scaled_network_is_what_is_shown(tmp_path: Path) -> None:
    ((command, output),) = commands(blocks("console")[1])
    assert re.fullmatch(pattern(output, varies=False), run(command, tmp_path))


def test_the_table_is_that_of_the_settings() -> None:
    for name, field in (SearchSettings.model_fields | FinalsSettings.model_fields).items():
        row = re.search(rf"^\| `{name}` \| ([^|]+) \|", GUIDE, re.MULTILINE)
        assert row, f"{name} is missing"
        words = {"required": ..., "torch's own": None, "none": None, "false": False}
        default = "required" if field.is_required() else field.default
        shown = row[1].strip()
        assert shown == str(default) or words.get(shown, ...) == default or float(shown) == default
