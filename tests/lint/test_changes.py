"""What is offered keeps the file's layout, and is offered only where the rest of the network stays as it is."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from archbuilder import ArchbuilderError, NetworkSpec, load
from archbuilder.lint import Finding, lint_document
from archbuilder.lint.change import NewLayers, apply

HEAD = "input: {channels: 3, height: 32, width: 32}\nclasses: 10\nlayers:\n"
TAIL = """\
  - {name: gap, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 10}
"""
CONV = "  - {name: conv1, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}\n"
LARGE = "  - {name: large, type: conv, out: 64, kernel: 5, padding: 2}\n"


def found(text: str, code: str) -> list[Finding]:
    return [finding for finding in lint_document(NetworkSpec.from_text(text).document).findings if finding.code == code]


def test_a_layer_in_block_style_keeps_what_stands_behind_it() -> None:
    layers = "  - name: large\n    type: conv\n    out: 64\n    kernel: 5\n    padding: 2\n\n  # the classifier\n"
    document = NetworkSpec.from_text(HEAD + CONV + layers + TAIL).document
    changed = apply(document, NewLayers("large", ["{name: a, type: dropout}", "{name: b, type: dropout}"]))
    new = "  - {name: a, type: dropout}\n  - {name: b, type: dropout}\n\n  # the classifier\n"
    assert changed.source.text == HEAD + CONV + new + TAIL
    assert apply(document, NewLayers("large", [])).source.text == HEAD + CONV + "\n  # the classifier\n" + TAIL


def test_of_a_layer_that_is_an_alias_the_alias_is_replaced() -> None:
    keys = "type: conv\n        out: 64\n        kernel: 5\n        padding: 2\n"
    layers = f"  - name: s\n    sequence:\n      - &large\n        name: large\n        {keys}"
    document = NetworkSpec.from_text(HEAD + CONV + layers + "  - *large\n" + TAIL).document
    assert apply(document, NewLayers("large", [])).source.text == HEAD + CONV + layers + TAIL


def test_a_layer_with_comments_among_its_keys_is_left_to_its_writer() -> None:
    layers = "  - name: large # large\n    type: conv\n    out: 64 # wide\n    kernel: 5\n    padding: 2\n"
    text = HEAD + CONV + layers + TAIL
    with pytest.raises(
        ArchbuilderError, match=r"^<text>:5:5: this layer has comments among its keys; edit it by hand$"
    ):
        apply(NetworkSpec.from_text(text).document, NewLayers("large", []))
    (finding,) = found(text, "AB108")
    assert finding.change is None


def test_line_breaks_are_those_of_the_file() -> None:
    text = (HEAD + CONV + LARGE + TAIL).replace("\n", "\r\n")
    (finding,) = found(text, "AB108")
    assert finding.change is not None
    changed = apply(NetworkSpec.from_text(text).document, finding.change).source.text
    assert "large_1" in changed
    assert changed.replace("\r\n", "").count("\n") == 0


@pytest.mark.parametrize(
    ("layers", "code"),
    [
        # it takes something else than the layer before it
        (
            CONV + "  - {name: other, type: conv, out: 64, kernel: 1}\n  - {name: i, type: identity, from: conv1}\n"
            "  - {name: e, type: conv, out: 32, kernel: 1}\n"
            "  - {name: f, type: conv, from: [other, e], out: 64, kernel: 1}\n",
            "AB301",
        ),
        # a later layer takes it by name
        (
            CONV + "  - {name: i, type: identity}\n  - {name: e, type: conv, from: [i, conv1], out: 64, kernel: 1}\n",
            "AB301",
        ),
        # layers without a name behind it are named by their position
        (CONV + "  - {name: i, type: identity}\n  - {type: conv, out: 64, kernel: 1}\n", "AB301"),
        (CONV + LARGE + "  - {type: conv, out: 64, kernel: 1}\n", "AB108"),
        # its new name is taken
        (CONV + LARGE + "  - {name: large_1, type: conv, out: 64, kernel: 1}\n", "AB108"),
        # a depthwise convolution is as wide as what arrives
        ("  - {name: c, type: conv, out: 12, kernel: 3, groups: 3}\n", "AB201"),
    ],
)
def test_nothing_is_offered_where_the_rest_would_change(layers: str, code: str) -> None:
    findings = found(HEAD + layers + TAIL, code)
    assert findings
    assert all(finding.change is None for finding in findings)


def test_a_layer_that_a_head_taps_is_not_taken_away() -> None:
    head = "aux:\n  - {name: aux1, after: again, pool_output: 2, channels: 8, hidden: 8}\n"
    text = HEAD + CONV + "  - {name: again, type: activation, function: relu}\n" + TAIL + head
    (finding,) = found(text, "AB302")
    assert finding.change is None


def test_group_norms_need_branches_apart() -> None:
    branch = "[{type: conv, out: 16, kernel: 1}, {type: group_norm, groups: 4}]"
    assert found(f"{HEAD}{CONV}  - {{name: mix, concat: [{branch}, {branch}]}}\n{TAIL}", "AB302") == []


def test_a_finding_inside_a_member_is_silenced_there() -> None:
    branch = '[{type: conv, out: 12, kernel: 1, lint: {AB201: "meant"}}]'
    text = f"{HEAD}{CONV}  - {{name: mix, concat: [{branch}, []]}}\n{TAIL}"
    report = lint_document(NetworkSpec.from_text(text).document)
    assert [(finding.code, finding.layer) for finding in report.suppressed] == [("AB201", "mix.conv")]
    assert not found(text, "AB001")
    (finding,) = found(text.replace("out: 12", "out: 16"), "AB001")
    assert finding.message == "AB201 finds nothing here: remove the suppression"


SEQUENCE = """\
  - name: features
    sequence:
      - {type: conv, out: 64, kernel: 1}
      - {name: wide, type: conv, out: 128, kernel: 3, padding: 1}
"""


def test_a_finding_in_a_sequence_names_the_inner_layer_at_its_line() -> None:
    text = HEAD + CONV.replace("out: 32", "out: 64") + SEQUENCE + TAIL
    (finding,) = found(text, "AB104")
    assert finding.layer == "features.0"
    assert finding.where.source.line(finding.where.line).strip() == "- {type: conv, out: 64, kernel: 1}"
    suppressed = text.replace("    sequence:", '    lint: {AB104: "as published"}\n    sequence:')
    assert not found(suppressed, "AB104")
    assert not found(suppressed, "AB001")


BLOCK = """\
blocks:
  bottleneck:
    parameters: {w: width}
    body:
      - {name: first, type: conv, out: $w, kernel: 1}
      - {name: second, type: conv, out: $w, kernel: 3, padding: 1}
"""


def test_a_finding_in_a_block_is_silenced_in_its_body() -> None:
    uses = "  - {name: a, type: bottleneck, w: 64}\n  - {name: b, type: bottleneck, w: 64, repeat: 2}\n"
    start = HEAD.replace("layers:\n", BLOCK + "layers:\n") + CONV.replace("out: 32", "out: 64")
    assert {finding.layer for finding in found(start + uses + TAIL, "AB104")} >= {"a", "b.0"}
    meant = start.replace("kernel: 1}", 'kernel: 1, lint: {AB104: "meant"}}')
    assert not found(meant + uses + TAIL, "AB104")


def test_a_silence_in_a_body_counts_for_its_member_alone() -> None:
    second = """\
      - {name: third, type: conv, out: $w, kernel: 1}
      - {name: fourth, type: conv, out: $w, kernel: 3, padding: 1}
"""
    start = HEAD.replace("layers:\n", BLOCK + second + "layers:\n") + CONV.replace("out: 32", "out: 64")
    meant = start.replace("kernel: 1}", 'kernel: 1, lint: {AB104: "meant"}}', 1)
    report = lint_document(NetworkSpec.from_text(meant + "  - {name: a, type: bottleneck, w: 64}\n" + TAIL).document)
    of_pairs = [[f for f in shown if f.code == "AB104"] for shown in (report.findings, report.suppressed)]
    assert [[finding.op for finding in shown] for shown in of_pairs] == [["a.third.conv"], ["a.first.conv"]]


def test_a_finding_about_a_fork_in_a_body_is_silenced_there() -> None:
    branch = "[{type: conv, out: 8, kernel: 1}]"
    start = HEAD.replace("layers:\n", f"blocks:\n  twice:\n    body:\n      - concat: [{branch}, {branch}]\nlayers:\n")
    text = start + CONV + "  - {name: a, sequence: [{type: twice, repeat: 2}]}\n" + TAIL
    assert found(text, "AB302")
    meant = text.replace("      - concat", '      - lint: {AB302: "meant"}\n        concat')
    assert not found(meant, "AB302")
    assert not found(meant, "AB001")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AB107", "AB107 finds nothing here: remove the suppression"),
        ("AB140", "no rule has the code AB140; did you mean AB104?"),
    ],
)
def test_a_silence_in_a_body_that_silences_nothing_is_told_once(code: str, message: str) -> None:
    blocks = BLOCK.replace("kernel: 1}", f'kernel: 1, lint: {{{code}: "why"}}}}')
    blocks += "  outer:\n    body: [{name: inner, type: bottleneck, w: 32}]\n"
    uses = "  - {name: a, type: outer}\n  - {name: b, type: bottleneck, w: 16, repeat: 2}\n"
    (finding,) = found(HEAD.replace("layers:\n", blocks + "layers:\n") + CONV + uses + TAIL, "AB001")
    assert finding.message == message
    assert f"{{{code}:" in finding.where.source.line(finding.where.line)


def test_a_width_that_other_convolutions_share_is_not_offered() -> None:
    # Half of it would halve what the block gives.
    start = HEAD.replace("layers:\n", BLOCK + "layers:\n") + CONV.replace("out: 32", "out: 64")
    (finding,) = found(start + "  - {name: a, type: bottleneck, w: 64}\n" + TAIL, "AB104")
    assert finding.change is None


@pytest.mark.parametrize("identity", ["type: identity", "type: identity, when: $in == 32"])
def test_an_identity_that_is_a_branch_is_a_shortcut(identity: str) -> None:
    residual = f"  - {{name: s, add: [[{{type: conv, out: 32, kernel: 3, padding: 1}}], {{{identity}}}]}}\n"
    assert not found(HEAD + CONV + residual + TAIL, "AB301")
    (finding,) = found(HEAD + CONV + "  - {name: s, type: identity}\n" + TAIL, "AB301")
    assert finding.message == "s does nothing"


def test_of_an_extended_file_the_finding_stands_at_the_users_line(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(HEAD + CONV + "  - {name: mix, type: conv, out: 64, kernel: 1}\n" + TAIL)
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\nlayers:\n  mix: {out: 63}\n")
    findings = lint_document(NetworkSpec.load(tmp_path / "mine.yaml").document).findings
    (finding,) = [finding for finding in findings if finding.code == "AB201"]
    assert (finding.where.source.path, finding.where.line) == (tmp_path / "mine.yaml", 3)


def test_repetitions_of_one_block_are_named_once() -> None:
    mix = "{name: mix, type: inception, 1x1: 16, 3x3red: 16, 3x3: 64, 5x5red: 8, 5x5: 16, pool_proj: 16, repeat: 6, "
    mix += "overrides: {4: {1x1: 96, 3x3: 16}, 5: {1x1: 96, 3x3: 16}}}"
    (finding,) = found(f"{HEAD}{CONV}  - {mix}\n{TAIL}", "AB105")
    assert finding.message.count("mix") <= 3


def test_a_layer_without_a_name_is_silenced_too() -> None:
    layer = '  - {type: conv, out: 12, kernel: 1, lint: {AB201: "meant"}}\n'
    report = lint_document(NetworkSpec.from_text(HEAD + CONV + layer + TAIL).document)
    assert [(finding.code, finding.layer) for finding in report.suppressed] == [("AB201", "1")]


def test_the_place_of_a_layer_behind_one_that_is_left_out() -> None:
    layers = CONV + "  - {type: dropout, when: $classes > 100}\n  - {type: dropout, p: 0}\n"
    (finding,) = found(HEAD + layers + TAIL, "AB301")
    assert finding.where.line == 6


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_stays_a_link(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("real.yaml").write_text(HEAD + CONV + LARGE + TAIL)
    Path("link.yaml").symlink_to("real.yaml")
    run("lint", "--fix", "AB108", "link.yaml")
    assert Path("link.yaml").is_symlink()
    assert "large_1.out" in load("real.yaml").widths
