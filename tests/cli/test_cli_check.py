import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archbuilder import ArchbuilderError, SpecError, load
from archbuilder.cli import check as check_module

Run = Callable[..., subprocess.CompletedProcess[str]]

GOOD = "googlenet: valid: 20 layers, 6,998,552 parameters, 1,582,722,048 MACs\n"
BAD = load("googlenet").text.replace("in: 512, 1x1: 160", "in: 500, 1x1: 160").replace("after: inception4d", "after: x")
LINE = next(number for number, line in enumerate(BAD.splitlines(), 1) if "in: 500" in line)
TAP = next(number for number, line in enumerate(BAD.splitlines(), 1) if "after: x" in line)


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(BAD)
    return "bad.yaml"


def test_a_good_spec(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("check", "googlenet")
    assert (done.returncode, done.stdout, done.stderr) == (0, GOOD, "")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_spec(run: Run, bad: str) -> None:
    done = run("check", bad)
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[0] == f"bad.yaml:{LINE}:46  layers.inception4b.in"
    assert lines[3] == f"     │ {' ' * 45}^^^ declares 500 input channels, but the input has 512"
    assert lines[4] == f"  inception4a (line {LINE - 1}) outputs 192 + 208 + 48 + 64 = 512"
    assert lines[5] == f"bad.yaml:{TAP}:25  aux.aux2.after"
    assert lines[-1] == "2 errors"
    assert "Traceback" not in done.stderr


def test_several_specs_are_all_checked(run: Run, bad: str) -> None:
    done = run("check", bad, "googlenet", "missing.yaml", ".")
    assert done.returncode == 1
    assert done.stdout == GOOD
    assert f"bad.yaml:{LINE}:46" in done.stderr
    assert "\nmissing.yaml: no such file" in done.stderr
    assert "\n.: is a folder, not a file, and no run: best.safetensors is missing in it\n" in done.stderr
    assert done.stderr.endswith("\n4 errors\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "spec.yaml: the file is empty; a YAML mapping was expected\n1 error\n"),
        (
            b"\x80\x02}q\x00.",
            "spec.yaml: is not UTF-8 text (byte 0x80 at offset 0)",
        ),
        (b"a: [\n", "spec.yaml:2:1\n"),
        (b"a: !!python/object/apply:os.system [ls]\n", "the tag !!python/object/apply:os.system is not allowed"),
    ],
)
def test_what_is_no_spec_at_all(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_bytes(content)
    done = run("check", "spec.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("check",), ("check", "--nope", "x"), ("chekc", "x"), ("check", "--debug", "x")]
)
def test_bad_usage(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert re.search(r"^Usage: .*archbuilder", done.stdout + done.stderr)
    assert "Traceback" not in done.stderr


def test_help_and_version(run: Run) -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("check", "build", "flops"))
    assert run("check", "--help").returncode == 0
    assert run("--version").stdout == "archbuilder 0.1.0\n"


def test_debug_shows_the_traceback_of_a_bad_spec(run: Run, bad: str) -> None:
    with pytest.raises(SpecError, match="declares 500 input channels"):
        run("--debug", "check", bad)


def test_a_fault_of_archbuilder_s_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(check_module, "load", fail)
    done = run("check", "googlenet")
    assert done.returncode == 1
    assert done.stderr.startswith("archbuilder failed: RuntimeError: boom\n")
    assert "--debug" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(RuntimeError, match="boom"):
        run("--debug", "check", "googlenet")


def test_interrupted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check_module, "load", interrupt)
    assert run("check", "googlenet").returncode == 130


def test_an_error_without_problems_counts_as_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise ArchbuilderError("no")

    monkeypatch.setattr(check_module, "load", refuse)
    assert run("check", "a", "b").stderr == "no\nno\n2 errors\n"


# -- processes of their own ------------------------------------------------------------------------------------------


def process(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", "-m", "archbuilder", *arguments]
    encoding = settings.get("PYTHONIOENCODING", "utf-8")
    return subprocess.run(command, capture_output=True, encoding=encoding, check=False, env=os.environ | settings)


def test_check_imports_nothing_heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = process("check", "googlenet", "googlenet_torchvision", "inception_digits")
    assert done.returncode == 0, done.stderr
    imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert {"archbuilder", "yaml", "pydantic", "typer"} <= imported
    assert not imported & {"torch", "numpy", "fvcore", "optuna", "sklearn", "safetensors", "torchvision"}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_the_characters(bad: str, encoding: str) -> None:
    Path("漢é.yaml").write_text(BAD.replace("after: x", "after: 漢é"), encoding="utf-8")
    done = process("check", "漢é.yaml", PYTHONIOENCODING=encoding)
    assert done.returncode == 1
    assert "declares 500 input channels, but the input has 512" in done.stderr
    assert f"\n  {LINE} ?   - {{name: inception4b" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves() -> None:
    """As `archbuilder check … | head -0` does."""
    command = [sys.executable, "-m", "archbuilder", "check", *["inception_digits"] * 200]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        errors = child.stderr.read()
        child.wait()
    assert errors == ""
    assert child.returncode in (1, 141)
