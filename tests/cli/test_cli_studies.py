import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from support.kept import kept_runs

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("kept") / "runs"
    return str(shutil.copytree(kept_runs(), folder))


def test_studies_are_listed_by_default(run: Run, runs: str) -> None:
    plain, asked = run("studies", "--runs", runs), run("studies", "--runs", runs, "list")
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout == asked.stdout
    assert plain.stdout.splitlines()[0].split() == [
        "study", "spec", "trials", "best", "validation", "MACs", "state", "last", "written",
    ]  # fmt: skip


def test_a_list_is_had_as_json(run: Run, runs: str) -> None:
    found = {entry["name"]: entry for entry in json.loads(run("studies", "--runs", runs, "list", "--json").stdout)}
    assert found["whole"]["trials"] == found["whole"]["of"] == 12
    assert found["stopped"]["state"] == "stopped"
    assert 0 <= found["whole"]["best_trial"]["value"] <= 1


def test_an_empty_folder_says_what_to_do(run: Run, tmp_path: Path) -> None:
    done = run("studies", "--runs", str(tmp_path))
    assert done.returncode == 0
    assert done.stdout.startswith(f"{tmp_path}: no studies here\n  start one with archbuilder search")
    assert json.loads(run("studies", "--runs", str(tmp_path), "list", "--json").stdout) == []
    assert run("studies", "--runs", str(tmp_path), "show", "any").returncode == 1


@pytest.mark.parametrize("name", ["whole", "stopped", "rated"])
def test_a_study_is_shown_and_its_page_written(run: Run, runs: str, name: str) -> None:
    done = run("studies", "--runs", runs, "show", name)
    assert done.returncode == 0, done.stderr
    page = Path(runs) / name / "report.html"
    assert done.stdout.splitlines()[-1] == f"report: {page}"
    assert page.is_file()
    data = json.loads(run("studies", "--runs", runs, "show", name, "--json").stdout)
    assert all(sentence in " ".join(done.stdout.split()) for sentence in data["verdicts"])


def test_a_wrong_name_is_answered_with_the_nearest(run: Run, runs: str) -> None:
    done = run("studies", "--runs", runs, "show", "wohle")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{runs}: no study named 'wohle'; did you mean whole?\n")


def test_studies_are_compared(run: Run, runs: str) -> None:
    done = run("studies", "--runs", runs, "compare", "whole", "steps", "short")
    assert done.returncode == 0, done.stderr
    assert "short and whole are not compared seed by seed: short has no test accuracies." in done.stdout
    assert run("studies", "--runs", runs, "compare", "whole").returncode == 2


def test_studies_are_compared_as_json(run: Run, runs: str) -> None:
    data = json.loads(run("studies", "--runs", runs, "compare", "whole", "steps", "--json").stdout)
    assert [study["name"] for study in data["studies"]] == ["whole", "steps"]
    assert [len(study["best_networks"]) for study in data["studies"]] == [1, 2]
    assert all(data["sentences"])


def test_a_study_is_exported(run: Run, runs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("studies", "--runs", runs, "export", "whole")
    assert done.returncode == 0, done.stderr
    assert f"written: {Path('whole-export') / 'report.html'}" in done.stdout.splitlines()
    Path("whole-export/best.yaml").write_text("mine")
    refused = run("studies", "--runs", runs, "export", "whole")
    assert refused.returncode == 1
    assert "whole-export: has best.yaml with other contents" in refused.stderr
    assert run("studies", "--runs", runs, "export", "whole", "--force").returncode == 0
    assert run("build", "whole-export/best.yaml").returncode == 0
    assert f"written: {Path('whole-export') / 'best.safetensors'}" in done.stdout.splitlines()
