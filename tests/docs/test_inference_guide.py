"""`docs/inference.md` says what is true: its code and its command run."""

import contextlib
import io
import re
from pathlib import Path

from support.guides import code_blocks
from test_readme import commands, run

from archbuilder.bench import Variant

GUIDE = (Path(__file__).parents[2] / "docs" / "inference.md").read_text()


def block(language: str) -> str:
    (found,) = code_blocks(GUIDE, language)
    return str(found)


def test_the_code_runs() -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block("python"), "inference.md", "exec"), {})
    assert printed.getvalue() == block("text")


def test_the_command_runs(tmp_path: Path) -> None:
    ((command, output),) = commands(block("console varies"))
    shown, real = output.splitlines(), run(f"{command} --seconds 0.1", tmp_path).splitlines()
    assert real[0] == shown[0]
    assert real[1].split() == shown[1].split()
    for line, other in zip(real[2:5], shown[2:5], strict=True):
        assert re.sub(r"[\d.,]+", "0", line).split() == re.sub(r"[\d.,]+", "0", other).split()
    assert len(real) == 2 + 2 * 3 + 1 + 2  # the rows of each batch size, an empty one between, two notes


def test_every_way_is_explained() -> None:
    assert re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE) == [variant.value for variant in Variant]
