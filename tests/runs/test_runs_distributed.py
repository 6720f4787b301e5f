"""Several processes train one network."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from support.patience import PATIENCE

from archbuilder.optimizers import OptimizerName
from archbuilder.recipe import TrainSettings
from archbuilder.runs import read_checkpoint, train_spec
from runs.processes import COMMAND, write_inputs
from runs.tiny_runs import SPEC, a_spec, metrics, tensors

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without it")


def torchrun(tmp_path: Path, *arguments: object) -> "subprocess.Popen[str]":
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    starter = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port)]
    # Without the two dashes torchrun takes our --run for an abbreviation of its own options.
    command = [*starter, "-m", "--", "archbuilder", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    )


STILL = SPEC.replace("  - {name: drop, type: dropout, p: 0.2}\n", "")
SGD = ("--optimizer", "sgd", "--learning-rate", 0.05, "--batch-size", 64, "--threads", 1)


def test_two_processes_come_to_what_one_does(tmp_path: Path) -> None:
    spec, data = write_inputs(tmp_path, STILL)
    process = torchrun(tmp_path, "train", spec, "--data", data, "--run", "pair", "--epochs", 3, *SGD)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    lines = output.splitlines()
    assert len([line for line in lines if line.startswith("tiny  ")]) == 1
    assert [line.split()[0] for line in lines if "/3  " in line] == ["1/3", "2/3", "3/3"]
    assert any("cpu · float32 · 2 processes" in line for line in lines)
    assert any(line.startswith("best epoch ") for line in lines)
    names = sorted(path.name for path in (tmp_path / "pair").iterdir())
    assert names == ["best.safetensors", "last.safetensors", "metrics.jsonl", "run.lock", "seen.safetensors"]
    settings = TrainSettings(epochs=3, batch_size=64, optimizer=OptimizerName.SGD, learning_rate=0.05)
    train_spec(a_spec(STILL), data, tmp_path / "one", settings=settings)
    # What is added up in another order differs in the last bits; SGD passes that on as it is, where Adam would divide
    # what is nearly nothing by what is nearly nothing. Each process drops out by itself, so here nothing drops out.
    one, pair = metrics(tmp_path / "one"), metrics(tmp_path / "pair")
    for alone, together in zip(one, pair, strict=True):
        assert together == pytest.approx(alone, rel=1e-3)
    single, shared = (tensors(tmp_path / name / "last.safetensors") for name in ("one", "pair"))
    assert single.keys() == shared.keys()
    for name, tensor in single.items():
        torch.testing.assert_close(shared[name], tensor, rtol=1e-2, atol=1e-3, msg=name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_agreed_and_one_process_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    spec, data = write_inputs(tmp_path)
    process = torchrun(tmp_path, "train", spec, "--data", data, "--run", "pair", "--epochs", 400, *SGD)
    metrics_file = tmp_path / "pair" / "metrics.jsonl"
    started = time.monotonic()
    while process.poll() is None and not (metrics_file.exists() and metrics_file.read_text().count("\n") > 2):
        assert time.monotonic() - started < 200
        time.sleep(0.05)
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert "stopped: " in output, errors
    assert "resume with: archbuilder train --resume pair" in output
    kept = read_checkpoint(tmp_path / "pair" / "last.safetensors")
    done = len(kept.history)
    assert 2 < done < 400
    shown = [line for line in output.splitlines() if "/400  " in line]
    assert len(shown) == done
    assert f"stopped: {done} epochs" in output
    if number == signal.SIGTERM:
        check_one_goes_on(tmp_path, done)


def check_one_goes_on(tmp_path: Path, done: int) -> None:
    command = [*COMMAND, "train", "--resume", "pair", "--threads", "1"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment) as alone:
        assert alone.stdout is not None
        heard = []
        for line in alone.stdout:
            heard.append(line)
            if "/400  " in line:
                alone.send_signal(signal.SIGINT)  # there are 400 epochs to do
                break
        rest = alone.stdout.read()
    assert any(line.startswith(f"resuming after {done} epochs") for line in heard)
    assert alone.returncode == 130
    assert "resume with: archbuilder train --resume pair" in rest
    assert len(read_checkpoint(tmp_path / "pair" / "last.safetensors").history) > done
