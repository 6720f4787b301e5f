"""Drawings of small networks, as SVG that a reviewer can read: one element a line, rounded numbers.

Where a change is meant, write the files anew, read what `git diff` says, and look at the pictures:

    PYTHONPATH=tests python tests/drawing/test_drawing_golden.py

The style sheet, which all share, is a file of its own.
"""

import re
from pathlib import Path

import pytest

from archbuilder import NetworkSpec
from archbuilder.drawing.style import style_sheet
from drawing import drawn_specs

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("three", "folded", "unet", "heads", "split")
_STYLE = re.compile("<style>.*?</style>", re.DOTALL)


def spec(name: str) -> NetworkSpec:
    return NetworkSpec.from_text(getattr(drawn_specs, name.upper()))


def golden_files() -> dict[str, str]:
    """Return the content of each golden file by its name."""
    files = {f"{name}.svg": spec(name).draw() for name in NAMES}
    files["folded_expanded.svg"] = spec("folded").draw(expand=["stage.1"], color="parameters")
    files["heads_closed.svg"] = spec("heads").draw(depth=1)
    files["changed.svg"] = spec("changed").draw(before=spec("three"))
    return {name: _STYLE.sub("<style/>", text) for name, text in files.items()} | {"style.css": style_sheet() + "\n"}


@pytest.mark.parametrize("name", golden_files())
def test_a_golden_drawing(name: str) -> None:
    expected = (GOLDEN / name).read_text()
    assert golden_files()[name] == expected, "if this is meant, run this file, read git diff and look at the picture"


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {*golden_files()}


def test_golden_drawings_can_be_read() -> None:
    for name, text in golden_files().items():
        assert max(map(len, text.splitlines())) < 400 or name == "style.css", name
        assert not re.search(r"\d\.\d{2,}\"", text), name


if __name__ == "__main__":
    for file, content in golden_files().items():
        (GOLDEN / file).write_text(content)
