"""`archbuilder export`: what is typed and seen."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from archbuilder.cli import main
from archbuilder.cli.app import app


def test_what_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    done = CliRunner().invoke(app, ["export", "inception_digits", "--to", "python", "-o", str(path)])
    assert done.exit_code == 0, done.output
    lines = path.read_text().count("\n")
    assert done.output == f"{path}  {lines} lines, 4 classes, torch alone; same 162 keys, outputs equal\n"


def test_initial_weights_are_said(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    done = CliRunner().invoke(app, ["export", "inception_digits", "-o", str(path)])
    assert done.exit_code == 0, done.output
    assert "batches of any size; outputs equal" in done.output
    assert "these are initial weights: export the folder of a run for trained ones" in done.output


def test_errors_speak_of_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.py"
    path.write_text("mine")
    monkeypatch.setattr("sys.argv", ["archbuilder", "export", "inception_digits", "-o", str(path)])
    with pytest.raises(SystemExit):
        main()
    assert "already exists; choose another name, or overwrite it with --force" in capsys.readouterr().err
    assert path.read_text() == "mine"
