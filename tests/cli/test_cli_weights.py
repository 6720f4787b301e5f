"""Weights on the command line: what `train` shows of them, and runs in the place of specs."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from runs.picture_runs import SPEC, train_on_pictures, write_pictures

from archbuilder.modules.saving import read_tensors
from archbuilder.runs import read_checkpoint

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a run on two classes, pictures of three others, and a spec."""
    place = tmp_path_factory.mktemp("pictures")
    train_on_pictures(place)
    write_pictures(place / "more", {"low": 40, "middle": 120, "high": 210})
    (place / "pictures.yaml").write_text(SPEC)
    return place


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(folder)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def train(run: Run, *more: object) -> subprocess.CompletedProcess[str]:
    given = ("pictures.yaml", "--data", "folder:more@12", "--epochs", 1, "--threads", 1, *more)
    return run("train", *map(str, given))


def test_train_shows_what_it_took(run: Run) -> None:
    tensors, _ = read_tensors(Path("run/best.safetensors"))
    torch.save({"state_dict": {f"module.{key}": tensor for key, tensor in tensors.items()}}, "w.pth")
    done = train(run, "--run", "shown", "--weights", "w.pth", "--freeze", "conv1,conv2*", "--backbone-lr", 0.001)
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("pictures 3 x 12 x 12 -> 3 classes · ")
    assert "weights w.pth: 10 of 12 tensors; new: fc (2 -> 3 classes) · in state_dict · prefix module." in lines
    assert any("backbone at 0.001 · frozen: conv1,conv2*" in line for line in lines)
    assert "run shown" in lines
    resumed = run("train", "--resume", "shown", "--epochs", "2", "--threads", "1")
    assert resumed.returncode == 0
    assert "fc (2 -> 3 classes)" in resumed.stdout
    setup = read_checkpoint("shown").setup
    assert (setup.settings.freeze, setup.settings.backbone_lr) == ("conv1,conv2*", 0.001)


def test_freeze_epochs_are_shown(run: Run) -> None:
    done = train(run, "--run", "first", "--weights", "run", "--freeze-epochs", 1)
    assert done.returncode == 0, done.stderr
    assert "frozen for 1 epoch: what was loaded" in " ".join(done.stdout.split())


def test_errors_name_options(run: Run) -> None:
    tensors, _ = read_tensors(Path("run/best.safetensors"))
    del tensors["conv2.conv.weight"]
    torch.save(tensors, "less.pth")
    done = train(run, "--run", "less", "--weights", "less.pth")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "less.pth: does not fit: 9 of 12 tensors of pictures fit",
        "  missing: conv2.conv.weight",
        "  --partial takes what fits; the rest keeps its initial weights",
    ]
    assert not Path("less").exists()
    assert train(run, "--run", "less", "--weights", "less.pth", "--partial").returncode == 0
    done = train(run, "--run", "none", "--weights", "run", "--freeze", "convv*")
    assert (done.returncode, done.stderr) == (1, "freeze 'convv*': no layer has such a name; did you mean conv2?\n")
    done = run("train", "--resume", "less", "--weights", "less.pth", "--freeze", "conv1")
    assert done.returncode == 2
    assert "found --freeze, --weights" in " ".join(done.stderr.replace("│", " ").split())
    done = run("check", "less.pth")
    assert done.stderr.splitlines()[0] == (
        "less.pth: holds weights alone, no spec; name one: archbuilder train SPEC --data DATA --weights less.pth"
    )


@pytest.mark.parametrize(
    "command",
    [
        ("check", "RUN"),
        ("build", "RUN"),
        ("flops", "RUN"),
        ("flops", "RUN", "--json"),
        ("diff", "RUN", "pictures.yaml"),
        ("schema", "--for", "RUN"),
    ],
)
@pytest.mark.parametrize("path", ["run", "run/last.safetensors"])
def test_commands_take_a_run_in_the_place_of_a_spec(run: Run, command: tuple[str, ...], path: str) -> None:
    found = run(*(path if word == "RUN" else word for word in command))
    assert found.returncode == 0, found.stderr
    other = run(*("pictures.yaml" if word == "RUN" else word for word in command))
    if command[0] != "build":  # which shows times
        assert re.sub(rf"\b{path}\b", "pictures.yaml", found.stdout) == other.stdout


def test_lint_fixes_no_run_and_new_copies_one(run: Run) -> None:
    assert run("lint", "run").stdout == run("lint", "pictures.yaml").stdout.replace("pictures.yaml", "run")
    done = run("lint", "run", "--fix", "AB104")
    assert done.returncode == 1
    assert done.stderr == "run: the spec of a run is read-only; make a copy: archbuilder new mine.yaml --from run\n"
    assert run("new", "mine.yaml", "--from", "run").returncode == 0
    assert run("diff", "mine.yaml", "run").stdout == "no layer differs\n"
    assert Path("mine.yaml").read_text().startswith("name: mine\n")


def test_a_study_takes_a_run_as_its_spec(run: Run) -> None:
    Path("study.yaml").write_text(
        "spec: run\ndata: folder:data@12\nspace: {'conv*.out': {scale: [0.5, 1]}}\nsearch: {trials: 1}\n"
    )
    done = run("space", "study.yaml")
    assert done.returncode == 0, done.stderr
    assert "candidates of pictures" in done.stdout


def test_a_run_is_trained_again_from_its_own_weights(run: Run) -> None:
    done = run("train", "run", "--data", "folder:data@12", "--weights", "run", "--epochs", "1", "--run", "again")
    assert done.returncode == 0, done.stderr
    assert "run/best.safetensors: 12 of 12 tensors" in done.stdout
    assert run("evaluate", "again").returncode == 0
