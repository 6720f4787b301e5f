"""In an extended file a finding stands at the line that brings it about."""

from pathlib import Path

import pytest

from archbuilder import NetworkSpec
from archbuilder.lint import lint_document

BASE = """\
input: {channels: 3, height: 11, width: 11}
classes: 10
layers:
  - {name: stem, type: conv, out: 32, kernel: 3, padding: 1, stride: 2}
  - {name: one, type: conv, out: 24, kernel: 1}
  - {name: two, type: conv, out: 48, kernel: 3, padding: 1}
  - {name: three, type: conv, out: 64, kernel: 3, padding: 1}
  - {name: gap, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


def places(folder: Path, code: str, **files: str) -> list[str]:
    """Lint the last of some files; give where a code is found."""
    for name, text in {"base": BASE, **files}.items():
        (folder / f"{name}.yaml").write_text(text)
    findings = lint_document(NetworkSpec.load(folder / f"{[*files][-1]}.yaml").document).findings
    return [
        f"{Path(finding.where.source.name).name}:{finding.where.line} {finding.layer}"
        for finding in findings
        if finding.code == code
    ]


@pytest.mark.parametrize(
    ("own", "code", "found"),
    [
        ("layers:\n  two: {out: 47}", "AB201", ["mine.yaml:3 two"]),  # the width itself
        ("layers:\n  two: {padding: 2, kernel: 5}", "AB107", ["mine.yaml:3 two"]),  # another key than the width
        ("layers:\n  one: {activation: relu6}\n  stem: {out: 24}", "AB104", ["mine.yaml:4 one"]),  # another layer
        ("layers:\n  two: {kernel: 1, padding: 0}", "AB112", ["mine.yaml:3 three"]),
        ("input: {channels: 3, height: 64, width: 64}", "AB112", ["mine.yaml:2 three"]),  # no layer
        ("classes: 12\nlayers:\n  one: {activation: relu6}", "AB112", []),  # nothing
    ],
)
def test_what_a_file_brings_about(tmp_path: Path, own: str, code: str, found: list[str]) -> None:
    assert places(tmp_path, code, mine=f"extends: base.yaml\n{own}\n") == found


def test_what_the_extended_file_has_by_itself(tmp_path: Path) -> None:
    base = BASE.replace("out: 48", "out: 47")
    mine = "extends: base.yaml\nlayers:\n  two: {activation: relu6}\n"
    assert places(tmp_path, "AB201", base=base, mine=mine) == ["base.yaml:6 two"]


def test_of_several_files_the_one_that_brings_it_about(tmp_path: Path) -> None:
    middle = "extends: base.yaml\nlayers:\n  two: {padding: 2, kernel: 5}\n"
    mine = "extends: middle.yaml\nlayers:\n  two: {activation: relu6}\n"
    assert places(tmp_path, "AB107", middle=middle, mine=mine) == ["middle.yaml:3 two"]
