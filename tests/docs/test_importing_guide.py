"""The commands of `docs/importing.md` print what it shows, and its figures are those of the benchmark."""

import re
from pathlib import Path

from test_readme import commands, pattern, run

FOLDER = Path(__file__).parents[2]
GUIDE = (FOLDER / "docs" / "importing.md").read_text()


def test_commands_print_what_is_shown(tmp_path: Path) -> None:
    for code in re.findall(r"^```python(?: file)?\n(# \w+\.py\n.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL):
        (tmp_path / code.split()[1]).write_text(code)
    for block in re.findall(r"^```console\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL):
        for command, output in commands(block):
            real = run(command, tmp_path)
            assert re.fullmatch(pattern(output, varies=False), real), f"$ {command}\n{real}"


def test_the_figures_are_those_of_the_benchmark() -> None:
    table = (FOLDER / "benchmarks" / "IMPORTING.md").read_text()
    counts = re.findall(r"^## .*: (\d+) of (\d+) exactly$", table, re.MULTILINE)
    assert counts == [("68", "68"), ("50", "60")]
    assert "all\n68 CNN classifiers of torchvision, and 50 of 60 of timm's" in GUIDE
