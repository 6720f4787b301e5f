"""`archbuilder --help`, and what a shell completes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archbuilder.cli.app import app
from archbuilder.cli.completion import complete_kept_study, complete_run, complete_spec, complete_study
from archbuilder.cli.overview import GROUPS

ASKED = """\
import sys
from archbuilder.cli import main

sys.argv[0] = "archbuilder"
try:
    main()
finally:
    assert "torch" not in sys.modules
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_every_command_stands_in_one_group() -> None:
    commands = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    commands += [str(group.name) for group in app.registered_groups]
    assert sorted(name for names, _ in GROUPS.values() for name in names) == sorted(commands)


def test_the_help_groups_the_commands_with_what_they_need_and_an_example(run: Run) -> None:
    lines = run("--help").stdout.splitlines()
    places = [lines.index(f"{heading}:") for heading in ("Inspect", "Train", "Search", "Share")]
    assert places == sorted(places)
    text = "\n".join(lines)
    for usage in ("check SPEC", "train [SPEC]", "evaluate CHECKPOINT", "search STUDY", "studies COMMAND", "diff "):
        assert f"\n  {usage}" in text
    examples = [line.strip().removeprefix("Example: ") for line in lines if line.strip().startswith("Example: ")]
    assert examples == [example for _, example in GROUPS.values()]


@pytest.mark.parametrize("example", [example for _, example in GROUPS.values() if "train" not in example])
def test_the_examples_name_what_is_shipped(
    run: Run, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = example.split()[1:]
    done = run("space", arguments[1]) if arguments[0] == "search" else run(*arguments)
    assert done.returncode == 0, done.stderr


def test_specs_and_studies_are_completed_by_name_and_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    for name in ("mine.yaml", "notes.txt", "nets/a.yaml", "nets/b.yml", ".hidden.yaml"):
        (tmp_path / name).touch()
    assert {"googlenet", "mine.yaml", "nets/"} <= {*complete_spec("")}
    assert not {"notes.txt", ".hidden.yaml"} & {*complete_spec("")}
    assert complete_spec("nets/") == ["nets/a.yaml", "nets/b.yml"]
    assert complete_spec(f"{tmp_path}/m") == [f"{tmp_path}/mine.yaml"]
    assert complete_spec("nowhere/x") == []
    assert complete_study("digits_w") == ["digits_widths"]


def test_runs_and_kept_studies_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("net/best.safetensors", "net/last.safetensors", "widths/journal.log"):
        (tmp_path / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / name).touch()
    assert complete_run("") == ["runs/", "runs/net"]
    assert complete_run("runs/net/b") == ["runs/net/best.safetensors"]
    assert complete_kept_study("w") == ["widths"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("archbuilder flops goog", "googlenet"),
        ("archbuilder search digits_w", "digits_widths"),
        ("archbuilder fl", "flops"),
    ],
)
def test_a_shell_is_answered_without_torch(words: str, expected: str) -> None:
    environment = {
        **os.environ,
        "_ARCHBUILDER_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, env=environment, check=False)
    assert done.stderr == ""
    assert expected in done.stdout.split()
