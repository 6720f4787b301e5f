import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from archbuilder import load

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(
        "extends: googlenet\nlayers:\n  inception3a: {1x1: 8}\n  inception4c: null\n  dropout: {p: 0.2}\n"
        "aux:\n  aux1: {hidden: 300}\n"
    )


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_what_changed_is_shown_by_layer(run: Run) -> None:
    done = run("diff", "googlenet", "mine.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert lines(done.stdout) == [
        "layer change output parameters MACs",
        "inception3a 1x1 64 -> 8 256 x 28 x 28 -> 200 x 28 x 28 163.7 k -> 152.9 k 128.05 M -> 119.62 M",
        "inception3b 480 x 28 x 28 388.7 k -> 369.0 k 304.27 M -> 288.81 M",
        "dropout p 0.4 -> 0.2 1024 0 0",
        "aux1 hidden 1024 -> 300 1000 3.19 M -> 981.4 k 4.17 M -> 1.96 M",
        "inception4c removed: inception 512 x 14 x 14 510,104 99.85 M",
        "",
        "total parameters 6,998,552 -> 6,457,928 -7.7 %",
        "total MACs 1,582,722,048 -> 1,458,988,032 -7.8 %",
    ]


def test_the_other_way_round(run: Run) -> None:
    done = run("diff", "mine.yaml", "googlenet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "inception4c added: inception 512 x 14 x 14 510,104 99.85 M" in lines(done.stdout)
    assert lines(done.stdout)[-2:] == [
        "total parameters 6,457,928 -> 6,998,552 +8.4 %",
        "total MACs 1,458,988,032 -> 1,582,722,048 +8.5 %",
    ]


def test_layers_of_other_types(run: Run) -> None:
    found = lines(run("diff", "inception_digits", "inception_small_28").stdout)
    assert "inception2a inception -> inception_bn 40 x 8 x 8 -> 44 x 14 x 14 2.5 k -> 2.9 k 160.3 k -> 570.8 k" in found


def test_the_same_twice(run: Run) -> None:
    done = run("diff", "googlenet", "googlenet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "no layer differs\n", "")


def test_json_is_for_scripts(run: Run) -> None:
    done = run("diff", "--json", "googlenet", "mine.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    before, after = load("googlenet").plan(), load("mine.yaml").plan()
    assert found["parameters"] == [before.parameters, after.parameters]
    assert found["macs"] == [before.macs, after.macs]
    rows = {row["name"]: row for row in found["layers"]}
    assert list(rows) == ["inception3a", "inception3b", "dropout", "aux1", "inception4c"]
    assert rows["inception3a"]["widths"] == {"1x1": [64, 8]}
    assert rows["inception3b"]["widths"] == {}
    old, new = ({layer.name: layer for layer in plan.all_layers()} for plan in (before, after))
    for name, row in rows.items():
        for side, layers in (("before", old), ("after", new)):
            layer = layers.get(name)
            facts = layer and {
                "type": layer.type,
                "output": list(layer.output_shape),
                "parameters": layer.parameters,
                "macs": layer.macs,
            }
            assert row[side] == facts


def test_json_of_the_same_twice(run: Run) -> None:
    found = json.loads(run("diff", "--json", "googlenet", "googlenet").stdout)
    assert found["layers"] == []


@pytest.mark.parametrize("order", [("googlenet", "bad.yaml"), ("bad.yaml", "googlenet")])
def test_a_spec_that_is_wrong_is_told_with_its_place(run: Run, order: tuple[str, str]) -> None:
    Path("bad.yaml").write_text("extends: googlenet\nlayers: {conv1: {out: x}}\n")
    done = run("diff", *order)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("bad.yaml:2:23  layers.conv1.out\n")


def test_a_name_that_is_nearly_right(run: Run) -> None:
    done = run("diff", "googlenet", "googlenett")
    assert (done.returncode, done.stdout) == (1, "")
    assert "googlenett: no such file, and no shipped spec of that name; did you mean googlenet?" in done.stderr


def test_bad_usage_has_its_own_exit_status(run: Run) -> None:
    assert run("diff", "googlenet").returncode == 2
