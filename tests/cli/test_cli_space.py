import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from rich.console import Console
from support.tiny_studies import STUDY, write_study

from archbuilder.report.space import space_report
from archbuilder.study import load_study
from archbuilder.survey import survey

Run = Callable[..., CompletedProcess[str]]


def test_a_space_is_shown_before_anything_is_trained(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archbuilder.study.study.load_data", None)
    path = write_study(tmp_path)
    done = run("space", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[:3] == [
        "tiny-widths 6 searchable widths · 46,656 candidates of tiny",
        "hyperparameter baseline values",
        "mix.1x1 4 2 to 12 by 2",
    ]
    assert "smallest baseline largest budget" in lines
    assert any(line.startswith("MACs 4.0 k 11.6 k ") and line.endswith(" 20.0 k") for line in lines)
    assert lines[-1].startswith("within the budget: ")
    assert lines[-1].endswith("of 10,000 random candidates; can be projected onto it: 100 %")


def test_each_budget_of_a_ladder_is_shown(run: Run, tmp_path: Path) -> None:
    path = write_study(tmp_path, STUDY.replace("budget: {macs: 20k}", "budgets: [60%, 100%]"))
    lines = run("space", str(path)).stdout.splitlines()
    assert [line.split(":")[0] for line in lines[-2:]] == ["within 60%", "within 100%"]
    assert all("can be projected onto it: " in line for line in lines[-2:])


def test_other_choices_than_widths_are_shown(run: Run, tmp_path: Path) -> None:
    path = write_study(tmp_path, STUDY.replace('"mix.*":', '"stem.kernel": [1, 3, 5]\n  "mix.*":'))
    lines = [" ".join(line.split()) for line in run("space", str(path)).stdout.splitlines()]
    assert lines[0].startswith("tiny-widths 6 searchable widths · 1 other choice · ")
    assert "stem.kernel 3 1, 3 or 5" in lines


def test_json_is_for_scripts(run: Run, tmp_path: Path) -> None:
    path = write_study(tmp_path, STUDY.replace('"mix.*": {scale: [0.5, 3.0], multiple_of: 2}', '"mix.3x3": [4, 8]'))
    found = json.loads(run("space", str(path), "--json").stdout)
    expected = survey(load_study(path))
    assert found["hyperparameters"] == {"mix.3x3": {"baseline": {"mix.3x3": 4}, "widths": {"mix.3x3": [4, 8]}}}
    coverage = expected.coverages[0]
    assert (found["candidates"], found["priced"]) == (2, 2)
    assert found["budgets"] == {
        "budget": {"limits": {"macs": 20_000}, "within": coverage.within, "projectable": coverage.projectable}
    }
    assert found["smallest"] == expected.smallest


def test_a_small_space_says_all(run: Run, tmp_path: Path) -> None:
    path = write_study(tmp_path, STUDY.replace('"mix.*": {scale: [0.5, 3.0], multiple_of: 2}', '"mix.*": [0, 4]'))
    last = run("space", str(path)).stdout.splitlines()[-1]
    assert " % of all candidates; " in last
    assert " %; can be projected onto it: " in last


def test_names_and_budgets_are_whole_in_80_columns(tmp_path: Path) -> None:
    name = "mix.{5x5red,5x5,pool_proj,pool_p*,pool_pr*}"
    text = STUDY.replace('"mix.*":', f'"{name}": {{scale: [0.5, 3.0], tie: true}}\n  "mix.{{1x1,3x3red,3x3}}":')
    budgets = [f"{share}%" for share in range(60, 101, 5)]
    path = write_study(tmp_path, text.replace("budget: {macs: 20k}", f"budgets: [{', '.join(budgets)}]"))
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(space_report(survey(load_study(path))))
    lines = [line.rstrip() for line in capture.get().splitlines()]
    assert "…" not in "".join(lines)
    start = next(number for number, line in enumerate(lines) if line.startswith("mix.{5"))
    assert lines[start].split()[0] + lines[start + 1].split()[0] == name
    assert [line.split()[0] for line in lines if line.startswith(tuple("0123456789"))] == budgets
