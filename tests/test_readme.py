"""Every command and output of the README is real: this runs them in a folder of their own.

- A ```yaml block that starts with a comment holding a file name is written to that file.
- A ```console block holds commands (`$ `) and what they print, both streams together. A line `...` stands for any
  number of lines. A time (`52 ms`) may be another.
- In a ```console varies block, numbers may be others, as they come from training, and so may their signs, the spaces
  before them, and the marks of what was found (*) and of what is within the noise (≈).
- ```python blocks run one after the other in one namespace; what they print stands in the ```text block behind them.
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.forking import run as forked

README = Path(__file__).parent.parent / "README.md"
_FENCE = re.compile(r"^```(\w+)( varies)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.yaml)\n")


class Block(NamedTuple):
    language: str
    varies: bool
    text: str


BLOCKS = [Block(match[1], bool(match[2]), match[3]) for match in _FENCE.finditer(README.read_text())]


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Give each command of a console block and what it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def pattern(output: str, varies: bool) -> str:
    """Make the expression that real output must match."""
    lines = []
    for line in output.splitlines():
        text = line.rstrip()
        if text == "...":
            lines.append(r"(?:.*\n)*?")
            continue
        escaped = re.escape(re.sub(r"\d+ ms", "0 ms", text))
        if varies:  # a shorter number stands behind more spaces
            escaped = re.sub(r"(?:\\[+-])?(?:\d|\\\.|,)+", r"[+-]?[\\d.,]+", escaped)
            escaped = re.sub(r"(?:\\ |\\\*|≈)+", "[ *≈]+", escaped)
        lines.append(escaped + r" *\n")
    return "".join(lines)


def run(command: str, folder: Path, *, forks: bool = True) -> str:
    """Run a command in a folder; return what it prints, both streams together.

    Args:
        command: The command.
        folder: Where it runs.
        forks: Whether it may be forked from a process that has everything imported; else a shell runs it.
    """
    if forks and command.startswith("archbuilder ") and not set(command) & set("|&;<>$`*?~#"):
        arguments = shlex.split(command)[1:]
        done = forked(*arguments, folder=folder, environment={"COLUMNS": "120"}, together=True)
    else:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "COLUMNS": "120"}
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,  # some commands show an error
        )
    assert "Traceback" not in done.stdout
    return re.sub(r"\d+ ms", "0 ms", done.stdout)


def test_the_readme_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    printed = io.StringIO()
    counted = {"yaml": 0, "console": 0, "python": 0, "text": 0}
    for block in BLOCKS:
        counted[block.language] += 1
        if block.language == "yaml":
            name = _FILE.match(block.text)
            assert name, block.text
            (tmp_path / name[1]).write_text(block.text)
        elif block.language == "console":
            for command, output in commands(block.text):
                real = run(command, tmp_path, forks="archbuilder build" not in command)  # the installed command, once
                assert re.fullmatch(pattern(output, block.varies), real), f"$ {command}\n{real}"
        elif block.language == "python":
            with contextlib.redirect_stdout(printed):
                exec(compile(block.text, "README.md", "exec"), namespace)
        else:
            assert printed.getvalue().rstrip() == block.text.rstrip()
            printed = io.StringIO()
    assert all(counted.values()), "the README lost a kind of block, or its fences are written otherwise"


def test_the_two_commands_are_the_makefiles() -> None:
    makefile = (README.parent / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README.read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (README.parent / link).exists(), link
