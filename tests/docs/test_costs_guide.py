"""Check that the commands and code of `docs/costs.md` print what it shows."""

import contextlib
import io
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.guides import code_blocks
from test_readme import commands, pattern, run

from archbuilder import load
from archbuilder.costs.geometry import layer_geometry
from archbuilder.costs.options import By
from archbuilder.spec.sources import shipped_names

GUIDE = (Path(__file__).parents[2] / "docs" / "costs.md").read_text()


blocks = partial(code_blocks, GUIDE)


SHOWN = [shown for block in blocks("console") for shown in commands(block)]


assert SHOWN, "the guide has no commands in `console` fences"


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_commands_print_what_is_shown(command: str, output: str, tmp_path: Path) -> None:
    real = run(command, tmp_path)
    assert re.fullmatch(pattern(output, varies=False), real), f"$ {command}\n{real}"


def test_the_code_prints_what_is_shown() -> None:
    for code, text in zip(blocks("python"), blocks("text"), strict=True):
        names: dict[str, Any] = {}
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "costs.md", "exec"), names)
        assert printed.getvalue() == text


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_the_last_layer_of_a_shipped_spec_sees_the_image(name: str) -> None:
    plan = load(name).plan()
    height, width = layer_geometry(plan)[-1].receptive_field
    assert height >= plan.input_shape[1]
    assert width >= plan.input_shape[2]


def test_every_way_of_grouping_is_explained() -> None:
    assert re.findall(r"^- `(\w+)`: ", GUIDE, re.MULTILINE) == [by.value for by in By]
