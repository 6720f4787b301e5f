"""What a page shows of a text: errors at their places, or costs and drawing."""

from pathlib import Path

import archbuilder
from archbuilder.play.analysis import Analysis, Look, Text, analyze, costs_of
from archbuilder.play.limits import MOST_CHARACTERS

TINY = """\
input: {channels: 3, height: 8, width: 8}
classes: 10
layers:
  - {name: stem, type: conv, out: 16, kernel: 3, padding: 1} # kept
  - {name: gap, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


def of(text: str, look: Look | None = None) -> Analysis:
    return analyze(Text("tiny.yaml", text), look or Look())


def test_costs_and_rows_are_those_of_the_plan() -> None:
    network = of(TINY).network
    assert network is not None
    plan = archbuilder.NetworkSpec.from_text(TINY, "tiny.yaml").plan()
    assert network.costs["macs"] == plan.macs
    assert network.costs["parameters"] == plan.parameters
    assert sum(row.macs for row in network.rows) == plan.macs
    assert [row.name for row in network.rows] == ["stem", "gap", "flatten", "fc"]
    assert network.field == "10 × 10"
    assert 'data-name="stem"' in network.svg
    assert costs_of(Text("tiny.yaml", TINY)) == network.costs


def test_an_error_has_its_line_its_column_and_what_it_underlines() -> None:
    text = TINY.replace("kernel: 3", "kernl: 3")
    analysis = of(text)
    assert analysis.network is None
    (mark,) = analysis.marks
    assert (mark.line, mark.column) == (4, 39)
    assert text[mark.start : mark.end] == "kernl"
    assert mark.message.endswith("did you mean kernel?")
    assert mark.notes[0].startswith("its keys are")


def test_every_error_is_marked_and_texts_that_are_no_yaml_too() -> None:
    assert len(of(TINY.replace("kernel: 3", "kernl: 3").replace("type: flatten", "type: flaten")).marks) == 2
    (mark,) = of("layers: [").marks
    assert mark.message
    (empty,) = of("").marks
    assert (empty.start, empty.end, empty.line) == (0, 0, 1)


def test_an_error_of_an_extended_file_stands_where_the_text_refers_to_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(TINY.replace("kernel: 3", "kernel: -3"))
    text = "# a comment\nextends: base.yaml\n"
    analysis = analyze(Text("mine.yaml", text, tmp_path / "mine.yaml"), Look())
    mark = analysis.marks[0]
    assert mark.line == 2
    assert text[mark.start : mark.end].startswith("extends: base.yaml")
    assert "base.yaml:4" in mark.message


def test_a_text_reads_no_file_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("password: 123\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    (mark,) = analyze(Text("a.yaml", "extends: ../secret.yaml\n", inside / "a.yaml"), Look()).marks
    assert "outside the folder" in mark.message
    assert "password" not in mark.message


def test_a_text_that_is_too_long_is_refused() -> None:
    (mark,) = of("#" * (MOST_CHARACTERS + 1)).marks
    assert "the playground takes at most" in mark.message


def test_what_differs_from_another_network_is_drawn_and_an_invalid_one_is_left_out() -> None:
    changed = TINY.replace("out: 16", "out: 24")
    network = of(changed, Look(before=Text("before", TINY))).network
    assert network is not None
    assert "compared with" in network.svg
    assert "box op changed" in network.svg or " changed" in network.svg
    alone = of(changed, Look(before=Text("before", "layers:"))).network
    assert alone is not None
    assert "compared with" not in alone.svg
