"""Check the pictures, the commands and the Python of `docs/drawing.md`."""

import importlib.util
import re
from pathlib import Path

import pytest
from test_readme import commands, pattern, run

DOCS = Path(__file__).parent.parent.parent / "docs"
GUIDE = (DOCS / "drawing.md").read_text()
_spec = importlib.util.spec_from_file_location("make_drawing", DOCS / "make_drawing.py")
assert _spec
assert _spec.loader
make_drawing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_drawing)


def test_the_pictures_are_up_to_date() -> None:
    pictures = make_drawing.pictures()
    assert re.findall(r"!\[.*?\]\(images/(.*?)\)", GUIDE) == [*pictures]
    for name, svg in pictures.items():
        assert (DOCS / "images" / name).read_text() == svg, "run python docs/make_drawing.py"


def test_commands_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = GUIDE.split("```yaml\n# narrower.yaml\n")[1].split("```")[0]
    assert text.strip() == make_drawing.NARROWER.strip()
    Path("narrower.yaml").write_text(text)
    for block in GUIDE.split("```console\n")[1:]:
        for command, output in commands(block.split("```")[0]):
            assert re.fullmatch(pattern(output, varies=False), run(command, tmp_path)), command
    assert Path("diff.svg").read_text() == make_drawing.pictures()["drawing_diff.svg"]


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(GUIDE.split("```python\n")[1].split("```")[0], {})
    assert {path.name for path in tmp_path.iterdir()} == {"net.svg", "diff.svg"}
