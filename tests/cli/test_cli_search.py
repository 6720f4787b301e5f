from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch
from support.tiny_studies import STUDY, few_digits, write_study

from archbuilder import load
from archbuilder.data import SOURCES
from archbuilder.recipe import Precision
from archbuilder.searching import Outcome, StudyOpened, Tally
from archbuilder.searching.events import Observer
from archbuilder.study import load_study
from archbuilder.training import Machine

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "digits", few_digits)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_study(tmp_path, STUDY.replace("epochs: 3", "epochs: 1"))


def test_a_study_runs_to_its_table_and_its_best_spec_builds(run: Run, study: Path, tmp_path: Path) -> None:
    done = run("search", str(study), "--trials", "2", "--runs", str(tmp_path / "runs"))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "tiny-widths  6 searchable widths · 46,656 candidates · budget 20.0 k MACs (baseline 11.6 k)"
    assert lines[1].startswith("baseline  validation ")
    assert [line.split()[0] for line in lines[2:4]] == ["1/2", "2/2"]
    header = next(number for number, line in enumerate(lines) if line.startswith("network "))
    assert lines[header].split() == ["network", "MACs", "of", "base", "parameters", "retrained", "test", "difference"]
    assert lines[header + 1].startswith("baseline ")
    folder = tmp_path / "runs" / "tiny-widths"
    assert lines[-1] == f"report: {folder / 'report.html'}"
    assert (folder / "report.html").is_file()
    assert f"saved: {folder / 'best.yaml'}" in lines
    assert run("build", str(folder / "best.yaml")).returncode == 0
    assert load(folder / "best.yaml").name == f"{folder.name}-best"
    assert lines[-2].startswith("next: archbuilder evaluate ")
    assert run("evaluate", lines[-2].split()[-1]).returncode == 0


def test_random_search_of_the_same_cost_is_run_beside_it(run: Run, study: Path, tmp_path: Path) -> None:
    done = run("search", str(study), "--trials", "2", "--runs", str(tmp_path / "runs"), "--versus", "random")
    assert (done.returncode, done.stderr) == (0, "")
    assert "random search at equal training cost" in done.stdout.splitlines()
    assert any(line.startswith("random search trial ") for line in done.stdout.splitlines())


def test_the_same_command_again_shows_the_table_and_trains_nothing(run: Run, study: Path, tmp_path: Path) -> None:
    command = ("search", str(study), "--trials", "1", "--quiet", "--runs", str(tmp_path / "runs"))
    first, again = run(*command), run(*command)
    assert first.returncode == again.returncode == 0
    assert first.stdout == again.stdout
    assert first.stdout.startswith("network ")


def test_runs_are_kept_under_the_current_folder(
    run: Run, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("search", "study.yaml", "--trials", "1").returncode == 0
    assert {path.name for path in (tmp_path / "runs" / "tiny-widths").iterdir()} == {
        "best.yaml",
        "scaled.yaml",
        "finals",
        "front.svg",
        "history.svg",
        "journal.log",
        "lock",
        "report.html",
        "trials.csv",
    }


@pytest.mark.parametrize(
    ("outcomes", "saved"),
    [
        ({Outcome.FINISHED: 25}, "25 trials are saved (25 finished)"),
        ({Outcome.FINISHED: 1}, "1 trial is saved (1 finished)"),
        ({Outcome.FINISHED: 1, Outcome.FAILED: 7}, "8 trials are saved (1 finished, 7 failed)"),
        (
            {Outcome.PRUNED: 2, Outcome.OPEN: 3, Outcome.DUPLICATE: 4},
            "5 trials are saved (2 pruned, 3 paused or stopped)",
        ),
        ({}, "0 trials are saved"),
    ],
)
def test_an_interrupt_says_what_is_saved(
    run: Run, study: Path, monkeypatch: pytest.MonkeyPatch, outcomes: dict[Outcome, int], saved: str
) -> None:
    def interrupted(loaded: object, *, observe: Observer, **_: object) -> None:
        observe(StudyOpened(load_study(study), 40, Tally(outcomes), None, None))
        raise KeyboardInterrupt

    monkeypatch.setattr("archbuilder.searching.run_study", interrupted)
    done = run("search", str(study))
    assert done.returncode == 130
    assert done.stdout.splitlines()[-1] == f"stopping: {saved}; run the same command to resume"


def test_errors_are_told_with_their_place(run: Run, study: Path) -> None:
    study.write_text(study.read_text().replace("epochs: 1", "epochs: 0"))
    done = run("search", str(study))
    assert done.returncode == 1
    assert f"{study}:7:17  train.epochs" in done.stderr
    assert "found 0, expected at least 1" in done.stderr


def test_bad_usage_has_its_own_exit_status(run: Run, study: Path) -> None:
    assert run("search", str(study), "--trials", "0").returncode == 2
    assert run("search").returncode == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--versus", "tpe"], "Invalid value for --versus: found tpe, expected random"),
        (["--gpus", "a"], "Invalid value for --gpus: found 'a', expected the numbers of GPUs, each once: 0,1"),
        (["--gpus", ""], "found ''"),
        (["--gpus", "1,1"], "each once"),
        (["--gpus", "0,1", "--workers", "3"], "leave out --workers and --device"),
        (["--gpus", "0", "--device", "cpu"], "leave out --workers and --device"),
        (["--workers", "0"], "'--workers'"),
        (["--resume"], "a search needs no --resume: archbuilder search STUDY resumes it"),
    ],
)
def test_a_wrong_option_is_told_before_anything_happens(
    run: Run, study: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    done = run("search", str(study), *options, "--runs", str(tmp_path / "runs"))
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "runs").exists()


def test_two_workers_have_a_machine_each(run: Run, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def note(*arguments: object, machines: list[Machine], **more: object) -> None:
        asked.append(len(machines))
        raise KeyboardInterrupt

    monkeypatch.setattr("archbuilder.searching.run_study", note)
    assert run("search", str(study), "--workers", "2", "--device", "cpu").returncode == 130
    assert asked == [2]


def test_the_machine_is_the_one_that_was_asked_for(
    run: Run, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def note(*arguments: object, **more: object) -> None:
        machines = more["machines"]
        assert isinstance(machines, list)
        asked.extend(machines)
        raise KeyboardInterrupt

    monkeypatch.setattr("archbuilder.searching.run_study", note)
    assert run("search", str(study), "--device", "cpu", "--precision", "bfloat16").returncode == 130
    assert [(found.device, found.precision) for found in asked if isinstance(found, Machine)] == [
        (torch.device("cpu"), Precision.BFLOAT16)
    ]
    done = run("search", str(study), "--device", "nonsense")
    assert done.returncode == 1
    assert done.stderr.startswith("device 'nonsense' is not available: ")


def test_a_search_whose_time_is_over_says_so_and_goes_on(run: Run, study: Path, tmp_path: Path) -> None:
    command = ["search", str(study), "--trials", "2", "--runs", str(tmp_path / "runs")]
    done = run(*command, "--hours", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "stopped by --hours 0 after 0 of 2 trials; run the same command to resume" in done.stdout
    again = run(*command)
    assert "2/2 " in again.stdout
    assert "stopped by" not in again.stdout
