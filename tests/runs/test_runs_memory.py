import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from archbuilder.costs.memory import inference_memory, training_memory
from archbuilder.optimizers import OptimizerName
from archbuilder.recipe import Precision, TrainSettings
from archbuilder.runs.memory import free_memory, is_out_of_memory
from archbuilder.runs.memory_advice import evaluation_out_of_memory, training_out_of_memory
from archbuilder.training import CPU, Machine
from runs.processes import run
from runs.tiny_runs import a_spec

PLAN = a_spec().plan()
MIB = 2**20
DEEP = "\n".join(
    [
        "name: deep",
        "input: {channels: 1, height: 8, width: 8}",
        "classes: 10",
        "conv: {norm: batch, activation: relu}",
        "layers:",
        "  - {name: stem, type: conv, out: 64, kernel: 3, padding: 1}",
        *[f"  - {{name: conv{number}, type: conv, out: 64, kernel: 1}}" for number in range(24)],
        "  - {name: pool, type: global_avg_pool}",
        "  - {name: flatten, type: flatten}",
        "  - {name: fc, type: linear, out: 10}",
    ]
)


def shown(count: int) -> str:
    return f"{count / MIB:.1f} MiB"


def total(batch: int, optimizer: OptimizerName = OptimizerName.ADAMW, momentum: float = 0.9) -> int:
    return training_memory(PLAN, batch=batch, optimizer=optimizer, momentum=momentum).total


@pytest.mark.parametrize(
    ("settings", "optimizer"),
    [
        ({}, (OptimizerName.ADAMW, 0.9)),
        ({"optimizer": OptimizerName.SGD}, (OptimizerName.SGD, 0.9)),
        ({"optimizer": OptimizerName.SGD, "momentum": 0.0}, (OptimizerName.SGD, 0.0)),
    ],
)
def test_the_figures_are_those_of_the_plan(settings: dict[str, object], optimizer: tuple[OptimizerName, float]) -> None:
    chosen = TrainSettings.model_validate({"batch_size": 65_536, **settings})
    message = str(training_out_of_memory(PLAN, chosen, CPU, 100 * MIB))
    first, second = message.splitlines()
    assert first == (
        "out of memory with batches of 65536: their tensors alone take "
        f"{shown(total(65_536, *optimizer))} by the plan, and 100.0 MiB were free"
    )
    size = int(re.findall(r"batch_size=(\d+)", second)[0])
    assert second.strip() == f"try batch_size={size} ({shown(total(size, *optimizer))})"
    assert total(size, *optimizer) <= 0.4 * 100 * MIB < total(2 * size, *optimizer)


def test_an_average_is_another_copy_of_the_weights() -> None:
    weights = training_memory(PLAN, batch=1).weights
    message = str(training_out_of_memory(PLAN, TrainSettings(ema_decay=0.9, batch_size=65_536), CPU, None))
    assert f"alone take {shown(total(65_536) + weights)} by the plan\n" in message


def test_mixed_precision_halves_the_activations_and_a_gpu_may_be_filled_further() -> None:
    machine = Machine(torch.device("cuda"), Precision.BFLOAT16)
    memory = training_memory(PLAN, batch=8192, optimizer=OptimizerName.ADAMW)
    message = str(training_out_of_memory(PLAN, TrainSettings(batch_size=8192), machine, 10 * MIB))
    assert f"alone take {shown(memory.total - memory.activations + memory.activations // 2)} by the plan" in message
    sizes = [
        int(
            re.findall(
                r"batch_size=(\d+)", str(training_out_of_memory(PLAN, TrainSettings(batch_size=8192), one, 10 * MIB))
            )[0]
        )
        for one in (machine, CPU)
    ]
    assert sizes[0] > sizes[1]


def test_half_is_tried_even_where_the_plan_says_that_all_fits() -> None:
    assert "try batch_size=64 (" in str(training_out_of_memory(PLAN, TrainSettings(batch_size=128), CPU, 10**12))
    assert "try batch_size=64 (" in str(training_out_of_memory(PLAN, TrainSettings(batch_size=128), CPU, None))


def test_where_nothing_fits() -> None:
    message = "not even batches of 2 fit: use a smaller network or a machine with more memory"
    assert message in str(training_out_of_memory(PLAN, TrainSettings(batch_size=128), CPU, 0))
    assert message in str(training_out_of_memory(PLAN, TrainSettings(batch_size=2), CPU, None))


def test_a_run_that_goes_on_keeps_its_batches() -> None:
    message = str(training_out_of_memory(PLAN, TrainSettings(batch_size=128), CPU, None, is_resumed=True))
    assert "resume this run where there is more memory, or begin another with batch_size=64 (" in message


def test_processes_share_a_batch() -> None:
    message = str(training_out_of_memory(PLAN, TrainSettings(batch_size=129), CPU, None, processes=2))
    assert f"batches of 129, of which a process has 65: their tensors alone take {shown(total(65))}" in message


def test_measuring_takes_no_gradients() -> None:
    peak = inference_memory(PLAN, batch=4096).peak
    message = str(evaluation_out_of_memory(PLAN, 4096, CPU, None))
    assert message == (
        f"out of memory with 4096 images at once: their tensors alone take {shown(peak)} by the plan\n"
        f"  try batch_size=2048 ({shown(inference_memory(PLAN, batch=2048).peak)})"
    )
    assert "not even one image fits" in str(evaluation_out_of_memory(PLAN, 1, CPU, None))


def test_what_torch_says_of_memory_is_recognized() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("CUDNN_STATUS_ALLOC_FAILED"))
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert not is_out_of_memory(LookupError("out of memory"))


def test_free_memory_is_known_here() -> None:
    room = free_memory(torch.device("cpu"))
    assert room is None or room > 0
    assert free_memory(torch.device("meta")) is None


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space are Linux's")
def test_the_batch_size_that_is_named_fits(tmp_path: Path) -> None:
    (tmp_path / "deep.yaml").write_text(DEEP)
    arguments = ("train", tmp_path / "deep.yaml", "--data", "digits", "--epochs", 1, "--threads", 1)
    kept = tmp_path / "run"

    def limited(megabytes: int) -> Callable[[], None]:
        import resource  # noqa: PLC0415

        return lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes * MIB,) * 2)

    limit = limited(1400)
    failed = run(*arguments, "--run", kept, "--batch-size", 1200, preexec=limit)
    assert failed.returncode == 1
    assert failed.stderr.startswith("out of memory with batches of 1200: their tensors alone take ")
    assert "Traceback" not in failed.stderr
    named = re.findall(r"\n  try --batch-size (\d+) \([\d.]+ [MG]iB\)\n$", failed.stderr)
    assert 2 <= int(named[0]) <= 600
    fits = run(*arguments, "--run", kept, "--batch-size", named[0], preexec=limit)  # into the same folder
    assert fits.returncode == 0, fits.stderr
