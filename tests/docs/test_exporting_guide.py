"""`docs/exporting.md` says what is true: its commands and its code run, its table has every format."""

import contextlib
import io
import re
from functools import partial
from pathlib import Path

import pytest
from support.guides import code_blocks
from test_readme import commands, pattern, run

from archbuilder.exporting import Format

GUIDE = (Path(__file__).parents[2] / "docs" / "exporting.md").read_text()


blocks = partial(code_blocks, GUIDE)


@pytest.mark.parametrize("varies", [False, True])
def test_commands_print_what_is_shown(varies: bool, tmp_path: Path) -> None:
    (block,) = blocks("console varies" if varies else "console")
    for command, output in commands(block):
        real = run(command, tmp_path)
        assert re.fullmatch(pattern(output, varies=varies), real), f"$ {command}\n{real}"


def test_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for code, text in zip(blocks("python"), blocks("text"), strict=True):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "exporting.md", "exec"), {})
        assert printed.getvalue() == text


def test_the_table_has_every_format() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\.\w+)` \|", GUIDE, re.MULTILINE)
    assert [kind for kind, _ in rows] == [kind.value for kind in Format]
