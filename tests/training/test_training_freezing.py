"""Frozen layers: what is matched, and that nothing of them changes."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import torch
from support.training import in_two_processes, noise_splits
from torch import Tensor, nn

from archbuilder import ArchbuilderError, NetworkSpec
from archbuilder.recipe import TrainSettings
from archbuilder.training import ALONE, Processes, Trainer, TrainerState, present_patterns
from archbuilder.training.freezing import matching_tensors

SPEC = NetworkSpec.from_text("""\
name: three
input: {channels: 3, height: 6, width: 6}
classes: 5
conv: {norm: batch, activation: relu}
layers:
  - {name: conv1, type: conv, out: 4, kernel: 3}
  - {name: conv2, type: conv, out: 5, kernel: 1}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
""")
CONV1 = {f"conv1.bn.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")} | {
    "conv1.conv.weight"
}
BACKBONE = CONV1 | {key.replace("conv1", "conv2") for key in CONV1}


def a_network() -> nn.Module:
    torch.manual_seed(0)
    return SPEC.build()


def a_trainer(network: nn.Module, pretrained: Collection[str] = (), **settings: Any) -> Trainer:
    given = {"epochs": 3, "batch_size": 7} | settings
    return Trainer(network, noise_splits(), TrainSettings(**given), head_weights={}, seed=0, pretrained=pretrained)


def copy_of(network: nn.Module) -> dict[str, Tensor]:
    return {key: tensor.clone() for key, tensor in network.state_dict().items()}


def unchanged(network: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {key for key, tensor in network.state_dict().items() if torch.equal(tensor, before[key])}


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("conv1", CONV1),
        ("conv*", BACKBONE),
        ("conv{1,2}", BACKBONE),
        ("conv1, conv2.bn", CONV1 | {key for key in BACKBONE if key.startswith("conv2.bn")}),
        ("*.weight", {"conv1.conv.weight", "conv1.bn.weight", "conv2.conv.weight", "conv2.bn.weight", "fc.weight"}),
        ("conv?.conv", {"conv1.conv.weight", "conv2.conv.weight"}),
        ("fc.bias", {"fc.bias"}),
    ],
)
def test_patterns_match_full_names_and_all_that_is_in_them(patterns: str, expected: set[str]) -> None:
    assert matching_tensors(patterns, a_network()) == expected


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ("convv1", r"freeze 'convv1': no layer has such a name; did you mean conv1\?"),
        ("conv1,cnv*", r"freeze 'cnv\*': no layer has such a name; did you mean conv"),
        ("xyz", r"freeze 'xyz': no layer has such a name; the layers are conv1, conv2, pool, flatten, fc"),
        ("pool", "freeze 'pool': what it matches has no weights"),
        ("conv{1,3}", r"freeze 'conv3': no layer has such a name"),
        ("conv{1", r"freeze 'conv\{1': a \{ without its \}"),
        ("", "freeze '': no layer"),
    ],
)
def test_patterns_that_match_nothing(patterns: str, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        matching_tensors(patterns, a_network())


def test_patterns_that_a_candidate_lacks_are_left_out() -> None:
    assert present_patterns("conv{1,7}, xyz*, fc", a_network()) == "conv1,fc"
    assert present_patterns("xyz", a_network()) is None


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_nothing_of_a_frozen_layer_changes(optimizer: str) -> None:
    network = a_network()
    before = copy_of(network)
    trainer = a_trainer(network, freeze="conv1", weight_decay=0.5, optimizer=optimizer, ema_decay=0.5)
    for _ in range(2):
        trainer.run_epoch()
    assert unchanged(network, before) == CONV1
    assert unchanged(trainer.evaluated, before) == CONV1
    assert all((parameter.grad is None) == name.startswith("conv1") for name, parameter in network.named_parameters())


def test_statistics_stay_as_they_are_only_where_they_are_matched() -> None:
    network = a_network()
    before = copy_of(network)
    a_trainer(network, freeze="*.conv.weight,conv1.bn.weight").run_epoch()
    assert unchanged(network, before) == {"conv1.conv.weight", "conv2.conv.weight", "conv1.bn.weight"}


def test_the_rest_trains_as_if_the_frozen_layers_were_a_part_of_the_data() -> None:
    """A frozen layer computes in evaluation mode what it did: a network without it learns the same from its maps."""
    network = a_network()
    front, rest = next(network.children()), nn.Sequential(*list(a_network().children())[1:])
    plain: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.01, "clip_norm": 0.0, "epochs": 1}
    a_trainer(network, freeze="conv1", **plain).run_epoch()

    front.eval()  # the evaluation has set all of the network back to training

    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rest = rest

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                x = front(x)
            return self.rest(x)  # type: ignore[no-any-return]

    a_trainer(Cut(), **plain).run_epoch()
    found = {key: tensor for key, tensor in network.state_dict().items() if not key.startswith("conv1")}
    for key, tensor, other in zip(found, found.values(), rest.state_dict().values(), strict=True):
        assert torch.allclose(tensor, other, atol=1e-6), key


@pytest.mark.parametrize("settings", [{"freeze": "conv*"}, {}])
def test_frozen_layers_are_released_after_so_many_epochs(settings: dict[str, Any]) -> None:
    network = a_network()
    trainer = a_trainer(network, BACKBONE, freeze_epochs=2, **settings)
    before = copy_of(network)
    for epoch in (1, 2, 3):
        trainer.run_epoch()
        assert unchanged(network, before) == (BACKBONE if epoch < 3 else set())


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5])
def test_a_resumed_training_is_released_as_an_uninterrupted_one(optimizer: str, stop: int) -> None:
    settings: dict[str, Any] = {"freeze_epochs": 2, "backbone_lr": 0.002, "epochs": 4, "optimizer": optimizer}
    settings |= {"ema_decay": 0.9, "batch_size": 18}  # two steps an epoch

    def steps_taken(trainer: Trainer, count: int) -> None:
        taken = 0
        while taken < count:

            def watch(_: object) -> bool:
                nonlocal taken
                taken += 1
                return taken == count

            trainer.run_epoch(watch)

    straight = a_trainer(a_network(), BACKBONE, **settings)
    steps_taken(straight, 7)
    first = a_trainer(a_network(), BACKBONE, **settings)
    steps_taken(first, stop)
    state = first.state()
    saved = TrainerState({key: tensor.clone() for key, tensor in state.tensors.items()}, state.data)
    second = a_trainer(SPEC.build(), BACKBONE, **settings)
    second.restore(saved)
    steps_taken(second, 7 - stop)
    found, expected = second.state(), straight.state()
    assert found.tensors.keys() == expected.tensors.keys()
    for key, tensor in expected.tensors.items():
        assert torch.equal(found.tensors[key], tensor), key


def test_the_backbone_has_its_own_learning_rate() -> None:
    network = a_network()
    trainer = a_trainer(network, BACKBONE, learning_rate=0.1, backbone_lr=0.001, schedule="constant", warmup=0.0)
    trainer.run_epoch()
    groups = trainer.state().data["optimizer"]
    assert sorted(round(group["lr"], 12) for group in groups) == [0.001, 0.001, 0.1, 0.1]
    assert [len(group["params"]) for group in groups] == [1, 1, 2, 4]  # new and pretrained, with decay and without


def test_a_tiny_rate_of_the_backbone_hardly_moves_it() -> None:
    network = a_network()
    before = copy_of(network)
    a_trainer(network, BACKBONE, learning_rate=0.1, backbone_lr=1e-9, weight_decay=0.0).run_epoch()
    for name, parameter in network.named_parameters():
        moved = float((parameter.detach() - before[name]).abs().max())
        assert (moved < 1e-6) == (name in BACKBONE), name


@pytest.mark.parametrize(
    ("settings", "pretrained", "message"),
    [
        ({"freeze": "*"}, (), "freeze: every parameter is frozen, and nothing is left to train"),
        ({"freeze_epochs": 1}, {*BACKBONE, "fc.weight", "fc.bias"}, "freeze: every parameter is frozen"),
        ({"freeze_epochs": 1}, (), "freeze_epochs: nothing is loaded: it needs weights, or freeze"),
        ({"backbone_lr": 0.1}, (), "backbone_lr: nothing is loaded: it needs weights"),
        ({"freeze": "cnv1"}, (), r"did you mean conv1\?"),
    ],
)
def test_what_cannot_be_frozen(settings: dict[str, Any], pretrained: Collection[str], message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        a_trainer(a_network(), pretrained, **settings)


def trained_by(processes: Processes) -> dict[str, Tensor]:
    """Train with layers that are frozen for an epoch, as one of some processes."""
    settings = TrainSettings(epochs=2, batch_size=7, freeze_epochs=1, backbone_lr=0.002, clip_norm=0.0, optimizer="sgd")
    trainer = Trainer(
        a_network(), noise_splits(), settings, head_weights={}, seed=0, pretrained=BACKBONE, processes=processes
    )
    trainer.run_epoch()
    first = {f"first.{key}": tensor.clone() for key, tensor in trainer.network.state_dict().items()}
    trainer.run_epoch()
    return first | dict(trainer.network.state_dict())


def test_two_processes_freeze_and_release_as_one_does(tmp_path: Path) -> None:
    alone, before = trained_by(ALONE), copy_of(a_network())
    for found in in_two_processes(trained_by, tmp_path):
        for key, tensor in alone.items():
            assert torch.allclose(found[key], tensor, atol=1e-5), key
        for key, tensor in before.items():
            assert torch.equal(found[f"first.{key}"], tensor) == (key in BACKBONE), key
            assert not torch.equal(found[key], tensor), key
