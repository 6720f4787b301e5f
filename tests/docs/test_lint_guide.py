"""Check the generated pages of the lint rules and the commands of `docs/lint.md`."""

import importlib.util
import re
from pathlib import Path

import pytest
from test_readme import commands, pattern, run

DOCS = Path(__file__).parent.parent.parent / "docs"
_spec = importlib.util.spec_from_file_location("make_lint", DOCS / "make_lint.py")
assert _spec
assert _spec.loader
make_lint = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_lint)


def test_the_pages_are_those_of_the_rules() -> None:
    pages = make_lint.pages()
    assert set((DOCS / "lint").iterdir()) == set(pages), "run python docs/make_lint.py"
    for path, page in pages.items():
        assert path.read_text() == page, "run python docs/make_lint.py"


def test_the_guide_lists_the_findings() -> None:
    text = (DOCS / "lint.md").read_text()
    assert make_lint.guide(text) == text, "run python docs/make_lint.py"


def test_commands_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "lint.md").read_text()
    Path("draft.yaml").write_text(text.split("```yaml\n")[1].split("```")[0])
    for block in text.split("```console\n")[1:]:
        for command, output in commands(block.split("```")[0]):
            assert re.fullmatch(pattern(output, varies=False), run(command, tmp_path)), command
