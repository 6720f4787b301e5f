"""Two processes that talk to each other, and what one process does on the same batches."""

from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from support.training import a_network, a_trainer, assert_equal, in_two_processes, written_and_read
from torch import Tensor, nn

from archbuilder.modules.layers import StochasticDepth
from archbuilder.optimizers import OptimizerName
from archbuilder.recipe import Precision, Schedule, TrainSettings
from archbuilder.training import CPU, EpochResult, Evaluation, Machine, Processes, TrainerState
from archbuilder.training.distributed import Shard, distributed_data_parallel, synchronize_layers

LAYOUTS = [torch.contiguous_format, torch.channels_last]
COUNTS = [2, 7]  # of images: a single one for each process, and parts that differ
AFFINE = [
    (True, True),
    (True, False),
    (False, True),
    (False, False),
]  # whether batch norm scales, and whether it shifts


@dataclass
class Passed:
    """What came of a forward and a backward pass."""

    outputs: Tensor
    evaluated: Tensor
    state: dict[str, Tensor]
    gradients: dict[str, Tensor]
    incoming: Tensor


def pass_through(count: int, layout: torch.memory_format, affine: tuple[bool, bool], processes: Processes) -> Passed:
    """Run this process's part of a batch there and back, in float64; norms scale and shift, or do not."""
    network = a_network().append(StochasticDepth(0.4)).double().to(memory_format=layout)  # type: ignore[call-overload]
    network[5].momentum = None  # a cumulative average
    for norm, (name, kept) in product((network[1], network[5]), zip(("weight", "bias"), affine, strict=True)):
        if not kept:
            norm.register_parameter(name, None)
    runs: nn.Module = network
    if processes.count > 1:
        network = synchronize_layers(network, Shard(processes.start(count), count), torch.device("cpu"))
        runs = distributed_data_parallel(network)
    generator = torch.Generator().manual_seed(count)
    images = 5 + torch.randn(count, 3, 6, 6, dtype=torch.float64, generator=generator).to(memory_format=layout)
    weights = torch.randn(count, 5, dtype=torch.float64, generator=generator)
    part = processes.share(torch.arange(count))
    mine = images[part].to(memory_format=layout).requires_grad_()
    with torch.random.fork_rng():
        for seed in (1, 2):  # running statistics go on from what they were
            network.zero_grad()
            mine.grad = None
            torch.manual_seed(seed)
            outputs = runs(mine)
            (processes.count * (outputs * weights[part]).sum()).backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    evaluated = network.eval()(mine)
    assert mine.grad is not None
    found = {name: gradient for name, gradient in gradients.items() if gradient is not None}
    return Passed(outputs.detach(), evaluated.detach(), state, found, mine.grad / processes.count)


def all_passes(processes: Processes) -> list[Passed]:
    return [pass_through(*case, processes) for case in product(COUNTS, LAYOUTS, AFFINE)]


def test_two_parts_of_a_batch_come_to_what_the_whole_comes_to(tmp_path: Path) -> None:
    close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)
    for whole, *halves in zip(all_passes(Processes()), *in_two_processes(all_passes, tmp_path), strict=True):
        for name in ("outputs", "evaluated", "incoming"):
            close(torch.cat([getattr(half, name) for half in halves]), getattr(whole, name))
        for half in halves:
            assert half.gradients.keys() == whole.gradients.keys()
            close(half.gradients, whole.gradients)
            assert list(half.state) == list(whole.state)
            close(half.state, whole.state)
        assert_equal(halves[0].state, halves[1].state)
        assert_equal(halves[0].gradients, halves[1].gradients)


DEVICES = [torch.device("cpu"), torch.device("cuda")]  # what is made for a GPU needs one only when it runs


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("affine", AFFINE)
def test_names_stay_and_so_do_the_parameters_themselves(affine: tuple[bool, bool], device: torch.device) -> None:
    network = a_network()
    for name, kept in zip(("weight", "bias"), affine, strict=True):
        if not kept:
            network[1].register_parameter(name, None)
    names, before = list(network.state_dict()), dict(network.named_parameters())
    found = synchronize_layers(network, Shard(), device)
    assert list(found.state_dict()) == names
    assert {name: id(parameter) for name, parameter in found.named_parameters()} == {
        name: id(parameter) for name, parameter in before.items()
    }
    assert ("1.weight" in names, "1.bias" in names) == affine
    assert nn.BatchNorm2d not in {type(module) for module in found.modules()}
    # torch's own gives a shift no gradient where there is no scale.
    assert isinstance(found[1], nn.SyncBatchNorm) == (device.type == "cuda" and affine != (False, True))  # type: ignore[index]


RECIPE = TrainSettings(
    epochs=2,
    batch_size=9,  # 35 images: parts of 5 and 4, and in the last step of 4 and 4
    optimizer=OptimizerName.SGD,
    schedule=Schedule.CONSTANT,
    learning_rate=0.05,
    label_smoothing=0.1,
    clip_norm=2.0,
    flip=True,
    crop=2,
    cutout=3,
    ema_decay=0.9,
)
# Each image is mixed with one that another process may have, and each part has another sum of class weights.
MIXED = TrainSettings(
    epochs=2,
    batch_size=9,
    optimizer=OptimizerName.SGD,
    schedule=Schedule.CONSTANT,
    learning_rate=0.05,
    label_smoothing=0.1,
    flip=True,
    resized_crop=0.3,
    random_erasing=0.5,
    mixup=0.4,
    cutmix=1.0,
    class_weights=(1.0, 5.0, 0.2, 1.0, 3.0),
    balanced_sampling=True,
    max_steps=6,
)
# Float32 sums in another order: the weights differed by 2e-7. Where batch norm, dropout or augmentation is each
# process's own, or a gradient is not weighted by its part's size, they differ by more than a thousandth.
TOLERANCE = 2e-6
BFLOAT16 = Machine(torch.device("cpu"), Precision.BFLOAT16)


@dataclass
class Trained:
    """What came of a training."""

    results: list[EpochResult]
    evaluation: Evaluation
    state: TrainerState
    settled: dict[str, Tensor]


def train(processes: Processes, machine: Machine = CPU, recipe: TrainSettings = RECIPE) -> Trained:
    trainer = a_trainer(recipe, processes=processes, machine=machine)
    results = [result for _ in range(recipe.epochs) if (result := trainer.run_epoch()) is not None]
    assert trainer.evaluation is not None
    state = written_and_read(trainer.state())
    trainer.load_average()
    return Trained(results, trainer.evaluation, state, dict(trainer.network.state_dict()))


def stop_and_go_on(processes: Processes) -> tuple[list[tuple[int, int]], Trained]:
    """Let the second process alone ask for a stop, go on in new trainers; give where both stopped, and the end."""
    trainer = a_trainer(RECIPE, processes=processes)
    assert trainer.run_epoch(lambda step: processes.rank == 1 and step.step == 2) is None
    stopped = [(trainer.progress.steps, trainer.progress.images)]
    written = written_and_read(trainer.state())
    trainer = a_trainer(RECIPE, network=a_network(seed=99), processes=processes)
    trainer.restore(written)
    results = [result for _ in range(RECIPE.epochs) if (result := trainer.run_epoch()) is not None]
    assert trainer.evaluation is not None
    return stopped, Trained(results, trainer.evaluation, written_and_read(trainer.state()), {})


def trainings(processes: Processes) -> tuple[Trained, Trained, tuple[list[tuple[int, int]], Trained], Trained]:
    mixed = train(processes, recipe=MIXED)
    return train(processes), train(processes, BFLOAT16), stop_and_go_on(processes), mixed


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return in_two_processes(trainings, tmp_path_factory.mktemp("processes"))


def assert_close(found: Trained, expected: Trained, tolerance: float) -> None:
    assert found.state.tensors.keys() == expected.state.tensors.keys()
    for name, tensor in expected.state.tensors.items():
        torch.testing.assert_close(found.state.tensors[name], tensor, rtol=tolerance, atol=tolerance)
    for one, other in zip(found.results, expected.results, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=tolerance)
        assert one.validation_loss == pytest.approx(other.validation_loss, rel=tolerance)


def test_two_processes_train_what_one_process_trains(of_two: list[Any]) -> None:
    one, (first, second) = train(Processes()), [found[0] for found in of_two]
    assert first.results == second.results
    assert first.evaluation == second.evaluation
    assert first.evaluation.images == 21
    assert torch.equal(first.evaluation.confusion, second.evaluation.confusion)
    assert_equal(first.state.tensors, second.state.tensors)
    assert_equal(first.settled, second.settled)
    assert first.state.data["optimizer"] == one.state.data["optimizer"]
    assert first.settled.keys() == one.settled.keys()
    assert_close(first, one, TOLERANCE)


def test_images_are_mixed_across_processes_and_weighted_as_in_one(of_two: list[Any]) -> None:
    one, (first, second) = train(Processes(), recipe=MIXED), [found[3] for found in of_two]
    assert first.results == second.results
    assert_equal(first.state.tensors, second.state.tensors)
    assert_close(first, one, TOLERANCE)


def test_a_stop_asked_of_one_process_stops_both_at_one_step_and_they_go_on(of_two: list[Any]) -> None:
    for trained, _, (stopped, resumed), _ in of_two:
        assert stopped == [(2, 18)]
        assert resumed.results == trained.results
        assert resumed.evaluation == trained.evaluation
        assert_equal(resumed.state.tensors, trained.state.tensors)


def test_two_processes_train_in_bfloat16(of_two: list[Any]) -> None:
    one, (first, second) = train(Processes(), BFLOAT16), [found[1] for found in of_two]
    assert first.results == second.results
    assert_equal(first.state.tensors, second.state.tensors)
    assert [result.train_loss for result in first.results] == pytest.approx(
        [result.train_loss for result in one.results], rel=0.02
    )
