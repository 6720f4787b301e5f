import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archbuilder import load
from archbuilder.crosscheck.fvcore_count import FvcoreCount, compare
from archbuilder.primitives import Convolution, GlobalAvgPool, Linear, MaxPool, Shape
from archbuilder.report.counts import counts_as_data
from archbuilder.report.numbers import percent, plural, short

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shipped names work from an empty folder."""
    monkeypatch.chdir(tmp_path)


def test_googlenet_is_counted_twice_and_equal(run: Run) -> None:
    done = run("flops", "googlenet")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("googlenet 3 x 224 x 224 -> 1,000 classes")
    assert "plan 1,582,722,048 (conv 1,581,647,872 · adaptive pool 50,176 · linear 1,024,000)" in lines
    assert "fvcore 1,582,722,048 equal, operator by operator" in lines
    assert "fvcore counts a multiply-add once: these are MACs. One MAC is two FLOPs." in lines
    assert "fvcore has no rule for, and both count as nothing: max_pool2d (13)" in lines


def test_json_is_for_scripts(run: Run) -> None:
    done = run("flops", "--json", "googlenet")
    assert (done.returncode, done.stderr) == (0, "")
    counts = json.loads(done.stdout)
    assert counts["macs"] == counts["fvcore"]["macs"] == 1_582_722_048
    assert counts["flops"] == 2 * counts["macs"]
    assert counts["macs_by_operator"] == counts["fvcore"]["macs_by_operator"]
    assert counts["fvcore"]["equal"] is True
    assert counts["fvcore"]["differences"] == []
    assert counts["parameters"] == sum(layer["parameters"] for layer in counts["layers"]) == 6_998_552
    assert counts["macs"] == sum(layer["macs"] for layer in counts["layers"])
    assert counts["head_parameters"] == sum(head["parameters"] for head in counts["heads"]) == 13_378_280 - 6_998_552
    assert counts["input"] == [3, 224, 224]
    assert [head["after"] for head in counts["heads"]] == ["inception4a", "inception4d"]
    assert all(type(value) is int for layer in counts["layers"] for value in (layer["parameters"], layer["macs"]))


def wrong(kind: type[Any], monkeypatch: pytest.MonkeyPatch, extra: int) -> None:
    """Have a primitive count too much."""
    right = kind.macs

    def macs(self: Any, arriving: Shape, leaving: Shape) -> int:
        return int(right(self, arriving, leaving)) + extra

    monkeypatch.setattr(kind, "macs", macs)


def test_a_difference_is_shown_where_it_is_and_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong(Linear, monkeypatch, 7)
    done = run("flops", "inception_digits")
    assert (done.returncode, done.stderr) == (1, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["fvcore", "1,353,472", "DIFFERENT"] in rows
    assert ["module", "operator", "plan", "fvcore"] in rows
    assert ["fc", "linear", "1,287", "1,280"] in rows
    assert "equal" not in done.stdout


def test_an_operator_that_one_of_the_two_leaves_out_is_a_difference(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong(MaxPool, monkeypatch, 5)
    monkeypatch.setattr(GlobalAvgPool, "macs", lambda self, arriving, leaving: 0)
    done = run("flops", "--json", "inception_digits")
    assert done.returncode == 1
    fvcore = json.loads(done.stdout)["fvcore"]
    assert fvcore["equal"] is False
    found = {row["module"]: (row["operator"], row["planned"], row["counted"]) for row in fvcore["differences"]}
    assert found["maxpool2"] == ("max_pool", 5, 0)
    assert found["avgpool"] == ("adaptive_avg_pool2d", 0, 2048)
    assert found["inception2a.branch4.0"] == ("max_pool", 5, 0)
    assert len(found) == 6


def test_many_differences_are_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong(Convolution, monkeypatch, 1)
    done = run("flops", "inception_digits")
    assert done.returncode == 1
    assert "\nand 5 more" in done.stdout
    assert done.stdout.count(" conv ") - done.stdout.count("(conv ") >= 20


def test_a_bad_spec(run: Run) -> None:
    Path("bad.yaml").write_text(load("googlenet").text.replace("in: 512", "in: 500"))
    done = run("flops", "--json", "bad.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("\n3 errors\n")
    assert run("flops", "missing").stderr.startswith("missing: no such file")


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("googlenet", "--jsn")])
def test_bad_usage(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("flops", *arguments).returncode == 2


def test_plain_data_needs_no_built_network() -> None:
    plan = load("inception_digits").plan()
    count = FvcoreCount(dict(plan.macs_by_operator), {}, {})
    assert json.loads(json.dumps(counts_as_data(plan, count, compare(plan, count))))["name"] == "inception_digits"


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (999, "999"),
        (1000, "1.0 k"),
        (50_176, "50.2 k"),
        (118_013_952, "118.01 M"),
        (1_582_722_048, "1.583 G"),
        (2 * 10**12, "2.000 T"),
        (999_949, "999.9 k"),
        (999_950, "1.00 M"),  # not 1000.0 k
        (999_999_999, "1.000 G"),
    ],
)
def test_short_numbers(value: int, text: str) -> None:
    assert short(value) == text


def test_shares_and_plurals() -> None:
    assert percent(75, 1000) == "7.5 %"
    assert percent(1, 0) == "—"
    assert [plural(count, "error") for count in (0, 1, 2, 1000)] == ["0 errors", "1 error", "2 errors", "1,000 errors"]
