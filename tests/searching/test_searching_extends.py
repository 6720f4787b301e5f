"""A study's spec may extend and include files that lie beside it."""

from pathlib import Path

from archbuilder.study import load_study

SPEC = """
input: {channels: 1, height: 8, width: 8}
classes: 10
layers:
  - {name: conv1, type: conv, out: 8, kernel: 3}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 10}
"""
STUDY = """
name: extending
spec: specs/wider.yaml
data: digits
space: {conv1.out: [8, 16]}
search: {trials: 1}
"""


def test_the_spec_of_a_study_may_extend_its_neighbor(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "base.yaml").write_text(SPEC)
    (tmp_path / "specs" / "wider.yaml").write_text("extends: base.yaml\nlayers:\n  conv1: {out: 12}\n")
    (tmp_path / "study.yaml").write_text(STUDY)
    study = load_study(tmp_path / "study.yaml")
    assert study.spec.widths == {"conv1.out": 12}
    assert list(study.space.by_name["conv1.out"].values) == [8, 16]
