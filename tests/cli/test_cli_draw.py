import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from archbuilder import load

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("extends: googlenet\nlayers:\n  inception4c: null\n  conv1: {kernel: 5, padding: 2}\n")


def test_a_drawing_is_written(run: Run) -> None:
    done = run("draw", "googlenet", "-o", "net.svg")
    assert (done.returncode, done.stdout, done.stderr) == (0, "net.svg  20 layers in 83 boxes, colored by MACs\n", "")
    assert Path("net.svg").read_text() == load("googlenet").draw()


def test_options(run: Run) -> None:
    done = run("draw", "googlenet", "-o", "net.svg", "--depth", "1", "--expand", "inception4a", "--color", "parameters")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "net.svg  20 layers in 27 boxes, colored by parameters\n"
    expected = load("googlenet").draw(depth=1, expand=["inception4a"], color="parameters")
    assert Path("net.svg").read_text() == expected


def test_two_networks(run: Run) -> None:
    done = run("draw", "--diff", "googlenet", "mine.yaml", "-o", "diff.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert Path("diff.svg").read_text() == load("mine.yaml").draw(before=load("googlenet"))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["googlenet", "-o", "net.jpg"], 1, "net.jpg: a drawing is written as .svg, .png, .pdf; found '.jpg'\n"),
        (["googlenet", "-o", "net"], 1, "net: a drawing is written as .svg, .png, .pdf; found 'no suffix'\n"),
        (["googlenet", "-o", "no/net.svg"], 1, "no/net.svg: cannot be written: No such file or directory"),
        (
            ["googlenet", "-o", "old.svg", "--expand", "incepton3a"],
            1,
            "--expand: nothing in googlenet is named 'incepton3a'; did you mean inception3a?\n",
        ),
        (
            ["googlenet", "mine.yaml", "-o", "old.svg"],
            2,
            "found 2 specs, expected one spec; to compare two, add",
        ),
        (["--diff", "googlenet", "-o", "old.svg"], 2, "found 1 specs, expected two specs: --diff A B"),
        (["bad.yaml", "-o", "old.svg"], 1, "bad.yaml:2:23  layers.conv1.out\n"),
        (["googlenet"], 2, "Missing option '-o'"),
    ],
)
def test_mistakes_write_nothing(run: Run, arguments: list[str], status: int, message: str) -> None:
    Path("bad.yaml").write_text("extends: googlenet\nlayers: {conv1: {out: x}}\n")
    Path("old.svg").write_text("old")
    done = run("draw", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert Path("old.svg").read_text() == "old"
    assert {path.name for path in Path().iterdir()} == {"bad.yaml", "mine.yaml", "old.svg"}
