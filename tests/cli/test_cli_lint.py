import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from archbuilder import load
from archbuilder.lint import RULES

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("# mine\n" + RULES["AB104"].bad)


def test_findings_are_lines_with_places_and_codes(run: Run) -> None:
    done = run("lint", "mine.yaml")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert any(
        line.startswith("mine.yaml:6:51 AB104 mix: the 1x1 before its 3x3 does not reduce (64 of") for line in lines
    )
    assert lines[-1].startswith(f"{len(lines) - 1} findings · archbuilder lint --explain AB1")


def test_nothing_found_is_status_0(run: Run) -> None:
    Path("good.yaml").write_text(RULES["AB112"].good)
    done = run("lint", "good.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 findings\n", "")


def test_json(run: Run) -> None:
    done = run("lint", "--json", "mine.yaml", "googlenet")
    rows = json.loads(done.stdout)
    assert done.returncode == 1
    row = next(row for row in rows if row["code"] == "AB104")
    assert (row["file"], row["line"], row["column"], row["layer"]) == ("mine.yaml", 6, 51, "mix")
    assert (row["fixable"], row["suppressed"]) == (True, None)
    assert any(row["layer"] == "conv2" for row in rows)


def test_fix_changes_the_file_for_the_codes_named_alone(run: Run) -> None:
    before, macs = Path("mine.yaml").read_text(), load("mine.yaml").plan().macs
    done = run("lint", "--fix", "AB104", "mine.yaml")
    assert "+  - {name: mix, type: inception, 1x1: 32, 3x3red: 32, 3x3: 64," in done.stdout
    assert "parameters  " in done.stdout
    assert Path("mine.yaml").read_text() == before.replace("3x3red: 64", "3x3red: 32")
    assert f"MACs        {macs:,} -> {load('mine.yaml').plan().macs:,}" in done.stdout
    again = run("lint", "--fix", "AB104", "mine.yaml")
    assert "mine.yaml: nothing to change for AB104" in again.stdout


def test_what_is_not_offered_is_said(run: Run) -> None:
    done = run("lint", "--fix", "AB108", "mine.yaml")
    assert "AB108 mix: its 5x5 costs" in done.stderr
    assert done.stderr.endswith("no automatic fix, edit the file by hand\n")
    done = run("lint", "--fix", "AB112", "mine.yaml")
    assert (done.returncode, done.stderr) == (1, "AB112 has no automatic fix: archbuilder lint --explain AB112\n")


def test_a_shipped_spec_is_not_changed(run: Run) -> None:
    done = run("lint", "--fix", "AB104", "googlenet")
    assert done.returncode == 1
    assert done.stderr == (
        "shipped googlenet.yaml: shipped specs are read-only; make a copy: archbuilder new mine.yaml --from googlenet\n"
    )


def test_a_layer_that_shares_its_line_is_left_alone(run: Run) -> None:
    text = (
        "input: {channels: 3, height: 32, width: 32}\nclasses: 10\nlayers: [{name: a, type: conv, out: 8, kernel: 3}, "
        "{name: twice, type: activation}, {name: g, type: global_avg_pool}, {name: f, type: flatten}, "
        "{name: fc, type: linear, out: 10}]\n"
    )
    Path("flow.yaml").write_text(text)
    done = run("lint", "--fix", "AB302", "flow.yaml")
    assert done.returncode == 1
    assert "AB302 twice: twice repeats a.activation directly before it: no automatic fix" in done.stderr
    assert "nothing to change for AB302" in done.stdout
    assert Path("flow.yaml").read_text() == text


def test_explain(run: Run) -> None:
    done = run("lint", "--explain", "AB104")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("# AB104: reduction that does not reduce\n")
    assert [line[:5] for line in run("lint", "--explain", "all").stdout.splitlines()] == list(RULES)
    done = run("lint", "--explain", "AB14")
    assert (done.returncode, done.stderr) == (
        1,
        "no rule has the code 'AB14'; did you mean AB104?; archbuilder lint --explain all lists all rules\n",
    )


def test_bad_usage(run: Run) -> None:
    assert run("lint").returncode == 2
    assert run("lint", "missing.yaml").returncode == 1
