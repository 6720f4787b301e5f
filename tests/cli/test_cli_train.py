import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from runs.processes import COMMAND, write_inputs
from runs.tiny_runs import SPEC, check_equal, few
from support.training import torchrun_environment

from archbuilder.cli.settings_options import check_settings, takes_settings
from archbuilder.data import SOURCES
from archbuilder.recipe import TrainSettings
from archbuilder.runs import read_checkpoint
from archbuilder.training import ALONE

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _few_digits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setitem(SOURCES, "digits", few)
    (tmp_path / "tiny.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def train(run: Run, *more: object) -> CompletedProcess[str]:
    return run("train", "tiny.yaml", "--data", "digits", "--threads", "1", "--device", "cpu", *map(str, more))


def test_a_run_says_what_it_does_and_how_to_go_on(run: Run) -> None:
    done = train(run, "--epochs", 2, "--batch-size", 64)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0] == "tiny  1 x 8 x 8 -> 10 classes · 870 parameters · 11.6 k MACs"
    assert lines[1].startswith(
        "data  digits: 206 training images, 47 validation images (14 to 17 % of every class by seed 0), "
    )
    how = next(line for line in lines if line.startswith("how   "))
    assert how == "how   2 epochs · batches of 64 · adamw at 0.0106 · one_cycle · seed 0 · cpu · float32"
    assert "run   runs/tiny" in lines
    head = lines.index("epoch  train loss  val loss  val accuracy  images/s  seconds")
    assert [line.split()[0] for line in lines[head + 1 : head + 3]] == ["1/2", "2/2"]
    assert lines[head + 1].endswith("  best")
    assert re.fullmatch(r"best epoch [12]: validation accuracy \d+\.\d\d % \(47 images\)", lines[head + 3])
    table = lines.index("class  images  accuracy  most often misclassified as")
    assert [line.split()[0] for line in lines[table + 1 : table + 11]] == list("0123456789")
    matrix = next(index for index, line in enumerate(lines) if line.startswith("true \\ predicted "))
    assert [line.split()[0] for line in lines[matrix + 1 : matrix + 11]] == list("0123456789")
    assert lines[-2:] == [
        "saved: runs/tiny/best.safetensors",
        "next: archbuilder evaluate runs/tiny   (on the test split, not used so far)",
    ]
    assert all(len(line) <= 120 for line in lines)


def test_the_figure_of_the_end_is_that_of_the_best_epoch(run: Run, tmp_path: Path) -> None:
    done = train(run, "--epochs", 3)
    best = read_checkpoint(tmp_path / "runs" / "tiny").history[-1]
    assert (
        f"best epoch {best.epoch}: validation accuracy {100 * best.validation_accuracy:.2f} % (47 images)"
        in done.stdout
    )


def test_a_run_is_kept_where_it_is_told_and_is_not_written_over(run: Run) -> None:
    assert train(run, "--epochs", 1, "--run", "mine").returncode == 0
    again = train(run, "--epochs", 1, "--run", "mine")
    assert again.returncode == 1
    assert again.stderr.splitlines() == [
        "mine: already has a run",
        "  archbuilder train --resume mine resumes it; --run FOLDER writes another one elsewhere",
    ]
    resumed = run("train", "--resume", "mine", "--threads", "1")
    assert resumed.returncode == 0
    assert "resuming after 1 epoch\n" in resumed.stdout
    assert "best epoch 1" in resumed.stdout


def test_a_second_run_numbers_itself(run: Run, tmp_path: Path) -> None:
    for name in ("tiny", "tiny-2", "tiny-3"):
        done = train(run, "--epochs", 1, "--optimizer", "sgd", "--lr", 0.02)
        assert done.returncode == 0
        assert f"saved: runs/{name}/best.safetensors" in done.stdout
    settings = read_checkpoint(tmp_path / "runs" / "tiny-3").setup.settings
    assert (settings.optimizer, settings.learning_rate) == ("sgd", 0.02)


def test_a_complete_run_is_trained_for_more_epochs(run: Run, tmp_path: Path) -> None:
    assert train(run, "--epochs", 1).returncode == 0
    again = run("train", "--resume", "runs/tiny", "--epochs", "3", "--threads", "1")
    assert again.returncode == 0
    assert "resuming after 1 epoch\n" in again.stdout
    assert len(read_checkpoint(tmp_path / "runs" / "tiny" / "last.safetensors").history) == 3
    few = run("train", "--resume", "runs/tiny", "--epochs", "3")
    assert few.returncode == 1
    assert few.stderr.splitlines() == [
        "runs/tiny: has 3 epochs already; --epochs is the total number: expected more than 3, found 3"
    ]


USUAL: dict[str, Any] = {
    "epochs": 1,
    "max_steps": 3,
    "batch_size": 70,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "schedule": "cosine",
    "warmup": 0.1,
    "momentum": 0.8,
    "weight_decay": 0.001,
    "label_smoothing": 0.1,
    "clip_norm": 2.0,
    "flip": True,
    "mixup": 0.2,
    "cutmix": 1.0,
    "mean": [5.0],
    "std": [6.0],
    "ema_decay": 0.9,
    "patience": 3,
    "freeze": "stem",
    "freeze_epochs": 2,
    "backbone_lr": 0.001,
}
ONE = USUAL | {"crop": 1, "cutout": 2, "balanced_sampling": True}
OTHER = USUAL | {"resized_crop": 0.5, "random_erasing": 0.5, "class_weights": [1, 2.5, *[1] * 8]}


TAUGHT = {
    "run": "runs/big",
    "temperature": 2.5,
    "weight": 0.25,
    "features": {"stem": "conv1", "mix": "mix"},
    "features_weight": 3.0,
}


def options_of(settings: dict[str, Any]) -> list[str]:
    """Write settings as options of the command."""
    if isinstance(taught := settings.get("teacher"), dict):
        names = {key: "teacher" if key == "run" else f"teacher_{key}" for key in taught}
        taps = ",".join(f"{name}={other}" for name, other in taught["features"].items())
        settings = {names[key]: value for key, value in (taught | {"features": taps}).items()}
    texts = {name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in settings.items()}
    return [f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}") for name, value in texts.items()]


@pytest.mark.parametrize("given", [ONE, OTHER])
def test_settings_arrive(run: Run, tmp_path: Path, given: dict[str, Any]) -> None:
    assert all(value != TrainSettings.model_fields[name].default for name, value in given.items())
    assert run("build", "tiny.yaml", "-o", "w.safetensors").returncode == 0
    weights = ("--weights", "w.safetensors")
    assert train(run, *options_of(given), "--seed", 3, "--split-seed", 4, *weights).returncode == 0
    setup = read_checkpoint(tmp_path / "runs" / "tiny").setup
    assert (setup.settings, setup.seed, setup.split_seed) == (TrainSettings.model_validate(given), 3, 4)


def test_every_setting_is_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[TrainSettings] = []
    app = typer.Typer(add_completion=False)

    @app.command()
    @takes_settings
    def command(*, settings: dict[str, Any]) -> None:
        found.append(check_settings(settings))

    several: list[dict[str, Any]] = [ONE, OTHER, {"color_jitter": 0.4}, {"color_jitter": [0.1, 0.2, 0.3]}]
    several += [{"teacher": "runs/big"}, {"teacher": TAUGHT}]
    several += [{"auto_augment": "trivialaugment"}, {"class_weights": "balanced"}, {"mean": [1.0, 2.0], "std": [3, 4]}]
    for given in several:
        app(options_of(given), standalone_mode=False)
    assert found == [TrainSettings.model_validate(given) for given in several]
    assert {name for given in several for name in given} == TrainSettings.model_fields.keys()


def test_help_names_every_setting_with_its_description(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    words = " ".join(run("train", "--help").stdout.split())
    for name, field in TrainSettings.model_fields.items():
        assert re.search(rf"--{name.replace(chr(95), chr(45))}[ ,]", words)
        assert field.description is not None
        assert field.description in words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tiny.yaml",), "a spec and --data are needed, or --resume with the folder of a run"),
        (("--data", "digits"), "a spec and --data are needed"),
        ((), "a spec and --data are needed"),
        (
            ("--resume", "run", "--lr", "0.1"),
            "found --learning-rate, but --resume continues a run with its own settings",
        ),
        (
            ("tiny.yaml", "--data", "digits", "--mean", "1,x", "--std", "1,2"),
            "--mean: found [1.0, x], expected a list",
        ),
        (("tiny.yaml", "--data", "digits", "--class-weights", "x"), "expected balanced, or a list of positive numbers"),
        (
            ("--resume", "run", "--max-steps", "9"),
            "found --max-steps, but --resume continues a run with its own settings",
        ),
        (
            ("--resume", "run", "--teacher", "big", "--teacher-weight", "1"),
            "found --teacher, but --resume continues a run with its own settings; it takes --data and --teacher "
            "(the new places of the images and of the teacher)",
        ),
        (
            ("tiny.yaml", "--data", "digits", "--teacher-weight", "0.5"),
            "--teacher-weight: expected --teacher RUN beside it: the trained network to follow",
        ),
        (
            ("tiny.yaml", "--data", "digits", "--teacher", "big", "--teacher-weight", "1.5"),
            "--teacher-weight: found 1.5, expected at most 1",
        ),
        (
            ("tiny.yaml", "--data", "digits", "--teacher", ""),
            "--teacher: found the string '', expected at least 1 cha",
        ),
        (("--resume", "run", "--flip"), "--resume continues a run with its own settings"),
        (("--resume", "run", "--seed", "1"), "--resume continues a run with its own settings"),
        (("tiny.yaml", "--resume", "run"), "--resume continues a run with its own settings"),
        (("tiny.yaml", "--data", "digits", "--epochs", "0"), "--epochs: found 0, expected at least 1"),
        (("tiny.yaml", "--data", "digits", "--batch-size", "1"), "--batch-size: found 1, expected at least 2"),
        (("tiny.yaml", "--data", "digits", "--learning-rate", "nan"), "--learning-rate: found nan, expected a finite"),
        (("tiny.yaml", "--data", "digits", "--ema-decay", "1"), "--ema-decay: found 1.0, expected less than 1"),
        (("tiny.yaml", "--data", "digits", "--optimizer", "lion"), "'--optimizer': Value error, 'lion' is not one of"),
        (("tiny.yaml", "--data", "digits", "--crop", "x"), "'--crop': Input should be a valid integer"),
        (("tiny.yaml", "--data", "digits", "--seed", "-1"), "'--seed': Input should be greater than or equal to 0"),
    ],
)
def test_bad_usage_names_what_is_wrong(run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run("train", *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "digit"), "unknown data set 'digit'; did you mean digits?"),
        (("--data", "npz:gone.npz"), "gone.npz: no such file"),
        (("--data", "digits", "--resume", "x"), ""),
        (("--data", "digits", "--device", "nonsense"), "device 'nonsense' is not available: "),
        (("--data", "digits", "--device", "cpu", "--precision", "float16"), "precision float16 needs a GPU"),
    ],
)
def test_what_a_user_can_mend_is_told_in_a_line(run: Run, arguments: tuple[str, ...], message: str) -> None:
    done = run("train", "tiny.yaml", *arguments)
    assert done.returncode == (1 if message else 2)
    assert message in done.stderr
    assert "fault of archbuilder" not in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_gpu_that_is_not_there(run: Run) -> None:
    done = run("train", "tiny.yaml", "--data", "digits", "--device", "cuda")
    assert done.returncode == 1
    assert done.stderr.startswith("device 'cuda:0' is not available: ")
    assert done.stderr.endswith("\n  --device cpu always is\n")


def test_nothing_to_go_on_with(run: Run) -> None:
    done = run("train", "--resume", "nowhere")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "nowhere: no run to resume: no such folder",
    ]


def test_divergence_is_told_without_a_traceback(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SPEC.replace("norm: batch", "norm: none"))
    wild = ("--optimizer", "sgd", "--learning-rate", 100, "--weight-decay", 1, "--batch-size", 64, "--epochs", 20)
    done = train(run, *wild, "--warmup", 0.9)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "try a lower learning_rate, or batch norm" in done.stderr
    assert "before, is saved in runs/tiny/best.safetensors" in done.stderr
    last = read_checkpoint(tmp_path / "runs" / "tiny" / "last.safetensors")
    assert f"{len(last.history)}/20  " in done.stdout


def test_an_interrupt_says_how_to_go_on(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    station: Any = import_module("archbuilder.runs.training_run")
    real = station.StepTaken

    def step(taken: Any) -> Any:
        if (taken.epoch, taken.step) == (2, 3):
            os.kill(os.getpid(), signal.SIGINT)
        return real(taken)

    monkeypatch.setattr(station, "StepTaken", step)
    done = train(run, "--epochs", 3, "--batch-size", 64)
    assert done.returncode == 130
    assert done.stdout.splitlines()[-2:] == [
        "stopped: 1 epoch and 3 steps of the next saved in runs/tiny/last.safetensors",
        "resume with: archbuilder train --resume runs/tiny",
    ]
    monkeypatch.setattr(station, "StepTaken", real)
    again = run("train", "--resume", "runs/tiny", "--threads", "1")
    assert again.returncode == 0
    assert "resuming after 1 epoch and 3 steps of the next" in again.stdout
    assert train(run, "--epochs", 3, "--batch-size", 64, "--run", "whole").returncode == 0
    check_equal(tmp_path / "runs" / "tiny", tmp_path / "whole")


def test_ctrl_c_of_a_real_process(tmp_path: Path) -> None:
    spec, data = write_inputs(tmp_path)
    command = [*COMMAND, "train", str(spec), "--data", data, "--run", "run", "--epochs", "400", "--threads", "1"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.split()[:1] == ["2/400"]:
            process.send_signal(signal.SIGINT)
            break
    output, errors = process.communicate()
    assert (process.returncode, errors) == (130, "")
    assert re.search(r"stopped: \d+ epochs( and \d steps? of the next)? saved in run/last\.safetensors\n", output)
    assert output.endswith("resume with: archbuilder train --resume run\n")


def test_tensorboard_without_its_package(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    done = train(run, "--tensorboard")
    assert done.returncode == 1
    assert done.stderr.startswith("TensorBoard is not installed: pip install 'archbuilder[tensorboard]'")


def test_tensorboard_lies_in_the_run(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    assert train(run, "--tensorboard", "--epochs", 1).returncode == 0
    assert len(list((tmp_path / "runs" / "tiny" / "tensorboard").iterdir())) == 1


def test_only_the_first_process_speaks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    station: Any = import_module("archbuilder.runs.run")
    monkeypatch.setattr(station, "process_group", lambda _: nullcontext(ALONE))  # the others are not there
    for name, value in torchrun_environment(1, 2).items():
        monkeypatch.setenv(name, value)
    done = train(run, "--epochs", 1)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_environment_that_is_not_whole_is_told_in_a_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    done = train(run, "--epochs", 1)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("the environment sets RANK, but not WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER")
    assert done.stderr.endswith("\n  start it with torchrun, or unset them to train in one process\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--device", "cuda:1"), "device cuda:1: each of 2 processes needs a GPU: --device cuda\n"),
        (
            ("--device", "cpu", "--download"),
            "digits: download it first, in one process, and start torchrun without --dow",
        ),
    ],
)
def test_what_several_processes_cannot_do(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    for name, value in torchrun_environment(0, 2).items():
        monkeypatch.setenv(name, value)
    done = run("train", "tiny.yaml", "--data", "digits", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(message)


STREAMING = """
import functools, os, signal, time
import archbuilder.runs.training_run as station
from archbuilder.cli import main
from archbuilder.cli.settings_options import check_settings, takes_settings
from archbuilder.data import SOURCES
from archbuilder.data.folder import load_folder
from archbuilder.training import Machine

def taken(step, real=station.StepTaken):
    if (step.epoch, step.step) == (1, 3) and "INTERRUPTED" in os.environ:
        os.killpg(0, signal.SIGINT)  # as a terminal's Ctrl-C: to all processes, while two of them read
        time.sleep(1)  # in which those that would, end
    return real(step)

Machine.steps_between_reads = 10  # as a GPU's, so that there is more to read before the stop
station.StepTaken = taken
SOURCES["folder"] = functools.partial(load_folder, most_held=0)
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no process groups")
def test_ctrl_c_reaches_all_processes_that_read_files_and_stops_none_but_the_first(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(120):
        place = tmp_path / "images" / str(number % 10)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)).save(place / f"{number}.png")
    command = [sys.executable, "-c", STREAMING, "train"]
    first = ["tiny.yaml", "--data", "folder:images", "--run", "run", "--epochs", "2", "--batch-size", "4"]
    usual = ["--threads", "1", "--workers", "2", "--device", "cpu"]
    how: dict[str, Any] = {"cwd": tmp_path, "text": True, "capture_output": True, "timeout": 300}
    environment = {**os.environ, "INTERRUPTED": "1"}
    done = subprocess.run([*command, *first, *usual], start_new_session=True, env=environment, check=False, **how)
    assert (done.returncode, done.stderr) == (130, "")
    assert done.stdout.splitlines()[-2:] == [
        "stopped: 0 epochs and 10 steps of the next saved in run/last.safetensors",
        "resume with: archbuilder train --resume run",
    ]
    assert read_checkpoint(tmp_path / "run" / "last.safetensors").state.data["progress"]["steps"] == 10
    again = subprocess.run([*command, "--resume", "run", *usual], check=False, **how)
    assert (again.returncode, again.stderr) == (0, "")


def test_a_teacher_is_shown_with_what_it_costs_and_may_be_moved(run: Run, tmp_path: Path) -> None:
    assert train(run, "--epochs", 1, "--run", "big").returncode == 0
    lines = train(run, "--epochs", 1, "--teacher", "big", "--run", "small").stdout.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("teacher  big: tiny, "))
    assert re.match(
        r" {9}soft labels 0\.7 at temperature 4 · .* MACs once for each of .* training images, outputs", lines[at + 1]
    )
    taps = ("--teacher-features", "stem,mix=mix", "--flip")
    lines = train(run, "--epochs", 1, "--teacher", "big", *taps, "--run", "taps").stdout.splitlines()
    assert any("temperature 4, features 1 of stem, mix · " in line for line in lines)
    assert any("MACs more for each image of each epoch" in line for line in lines)
    lines = train(run, "--epochs", 1, "--teacher", "big", "--split-seed", 1, "--run", "other").stdout.splitlines()
    assert (
        sum(bool(re.match(r" +it was trained on \d+ of the (validation|test) images: acc", line)) for line in lines)
        == 2
    )
    (tmp_path / "big").rename(tmp_path / "moved")
    done = run("train", "--resume", "small", "--epochs", "2")
    assert done.returncode == 1
    assert (
        "big: no such run: restore it, or say where it is now: archbuilder train --resume takes --teacher"
        in done.stderr
    )
    assert run("train", "--resume", "small", "--epochs", "2", "--teacher", "moved").returncode == 0
