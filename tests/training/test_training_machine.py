import re
import shutil

import pytest
import torch
from support.training import a_network, a_trainer, torchrun_environment
from torch import Tensor, nn

from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import Precision, TrainSettings
from archbuilder.training import CPU, Machine, choose_machine

BFLOAT16 = Machine(torch.device("cpu"), Precision.BFLOAT16)
without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
without_accelerator = pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator")


@without_accelerator
def test_without_an_accelerator_the_choice_is_the_cpu_in_float32() -> None:
    assert choose_machine(workers=0) == CPU


def test_what_is_chosen_is_kept() -> None:
    found = choose_machine("cpu", Precision.BFLOAT16, compiled=True, workers=3)
    assert found == Machine(torch.device("cpu"), Precision.BFLOAT16, compiled=True, workers=3)


def launch(monkeypatch: pytest.MonkeyPatch, rank: int, count: int) -> None:
    for name, value in torchrun_environment(rank, count).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("processors", "processes", "workers"), [(1, 1, 1), (2, 1, 2), (64, 1, 8), (8, 4, 2), (2, 4, 1)]
)
def test_files_are_read_by_as_many_workers_as_there_are_processors_for_this_process(
    monkeypatch: pytest.MonkeyPatch, processors: int, processes: int, workers: int
) -> None:
    launch(monkeypatch, 0, processes)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(processors)), raising=False)
    assert choose_machine("cpu").workers == workers


def test_where_there_is_no_affinity_all_processors_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    for processors, workers in [(None, 1), (2, 2), (64, 8)]:
        monkeypatch.setattr("os.cpu_count", lambda found=processors: found)
        assert choose_machine("cpu").workers == workers


@pytest.mark.parametrize("name", ["gpu", "cpu:zero", "", "meta"])
def test_a_device_that_there_is_not_is_an_error(name: str) -> None:
    message = rf"device {re.escape(repr(name))} is not available: .+\n  device='cpu' always is$"
    with pytest.raises(ArchbuilderError, match=message):
        choose_machine(name)


@without_cuda
@pytest.mark.parametrize(
    ("name", "rank", "asked"), [("cuda", None, "cuda:0"), ("cuda", 1, "cuda:1"), ("cuda:3", None, "cuda:3")]
)
def test_a_gpu_without_cuda_is_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str, rank: int | None, asked: str
) -> None:
    if rank is not None:
        launch(monkeypatch, rank, 2)
    with pytest.raises(ArchbuilderError, match=rf"device '{asked}' is not available: .+\n  device='cpu' always is$"):
        choose_machine(name)


def test_one_gpu_is_not_for_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    launch(monkeypatch, 1, 2)
    with pytest.raises(ArchbuilderError, match=r"^device cuda:1: each of 2 processes needs a GPU: device='cuda'$"):
        choose_machine("cuda:1")
    assert choose_machine("cpu", workers=0) == CPU  # which they may share


def test_float16_is_not_for_cpus() -> None:
    with pytest.raises(ArchbuilderError, match=r"^precision float16 needs a GPU; on a CPU choose float32 or bfloat16$"):
        choose_machine("cpu", Precision.FLOAT16)


def test_a_cpu_is_asked_for_every_loss_and_a_gpu_is_left_to_run_ahead() -> None:
    assert CPU.steps_between_reads == 1
    assert Machine(torch.device("cuda", 0)).steps_between_reads > 1


@pytest.mark.parametrize(
    ("machine", "expected"), [(CPU, torch.float32), (BFLOAT16, torch.bfloat16)], ids=["float32", "bfloat16"]
)
def test_convolutions_are_computed_in_the_precision_while_weights_and_averages_stay(
    machine: Machine, expected: torch.dtype
) -> None:
    network, seen = a_network(), set[torch.dtype]()

    def look(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        seen.add(output.dtype)

    network[0].register_forward_hook(look)
    trainer = a_trainer(TrainSettings(epochs=1, batch_size=8, ema_decay=0.9), network=network, machine=machine)
    assert trainer.run_epoch() is not None
    assert seen == {expected}
    kept = {tensor.dtype for tensor in trainer.state().tensors.values() if tensor.is_floating_point()}
    assert kept == {torch.float32}


@pytest.mark.parametrize("average", [None, 0.9])
def test_bfloat16_learns_what_float32_learns_within_its_three_digits(average: float | None) -> None:
    settings = TrainSettings(epochs=2, batch_size=8, learning_rate=0.001, clip_norm=1.0, flip=True, ema_decay=average)
    exact, rough = (a_trainer(settings, machine=machine) for machine in (CPU, BFLOAT16))
    for _ in range(2):
        one, other = exact.run_epoch(), rough.run_epoch()
        assert one is not None
        assert other is not None
        assert other.train_loss != one.train_loss
        assert other.train_loss == pytest.approx(one.train_loss, rel=0.01)
        assert other.validation_loss == pytest.approx(one.validation_loss, rel=0.01)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_network_learns_the_same_and_keeps_its_names() -> None:
    settings = TrainSettings(epochs=1, batch_size=8, learning_rate=0.001)
    plain, compiled = (
        a_trainer(settings, network=a_network_without_dropout(), machine=Machine(torch.device("cpu"), compiled=whether))
        for whether in (False, True)
    )
    one, other = plain.run_epoch(), compiled.run_epoch()
    assert one is not None
    assert other is not None
    assert compiled.network._compiled_call_impl is not None
    assert other.train_loss == pytest.approx(one.train_loss, rel=1e-4)
    assert other.validation_loss == pytest.approx(one.validation_loss, rel=1e-4)
    assert compiled.state().tensors.keys() == plain.state().tensors.keys()


def a_network_without_dropout() -> nn.Module:
    """A compiled network draws other numbers."""
    return nn.Sequential(*(module for module in a_network() if not isinstance(module, nn.Dropout)))
