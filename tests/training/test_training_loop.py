from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.training import a_network, all_of, assert_equal, noise_splits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from archbuilder.data import DataSplits, load_data
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import TrainSettings
from archbuilder.training import EpochResult, TrainResult, best_epoch, is_enough, train


def run(
    network: nn.Module,
    *,
    data: DataSplits | None = None,
    settings: TrainSettings | None = None,
    seed: int = 0,
    on_epoch: Callable[[EpochResult], bool | None] = lambda _: None,
    head_weights: dict[str, float] | None = None,
) -> TrainResult:
    return train(
        network,
        data or noise_splits(),
        settings or TrainSettings(epochs=3, batch_size=16),
        head_weights=head_weights or {},
        seed=seed,
        on_epoch=on_epoch,
    )


@pytest.mark.parametrize("average", [None, 0.9])
def test_a_small_network_learns_the_digits(average: float | None) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)),
        )
    result = run(network, data=load_data("digits"), settings=TrainSettings(epochs=6, ema_decay=average))
    assert result.last.validation_accuracy > 0.9
    assert result.last.train_loss < result.epochs[0].train_loss


def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    one, two = a_network(), a_network()
    assert run(one, seed=7) == run(two, seed=7)
    assert_equal(one.state_dict(), two.state_dict())


def test_another_seed_gives_other_weights() -> None:
    assert run(a_network(), seed=7) != run(a_network(), seed=8)


def test_the_callers_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    run(a_network())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("average", [None, 0.5])
def test_the_network_is_left_in_evaluation_mode_and_channels_last(average: float | None) -> None:
    network = a_network()
    run(network, settings=TrainSettings(epochs=2, ema_decay=average))
    assert not any(module.training for module in network.modules())
    assert network[0].get_parameter("weight").is_contiguous(memory_format=torch.channels_last)


def test_epochs_are_reported_as_they_end() -> None:
    seen: list[EpochResult] = []
    result = run(a_network(), on_epoch=seen.append)
    assert [epoch.epoch for epoch in seen] == [1, 2, 3]
    assert result == TrainResult(tuple(seen), stopped=False)
    assert result.last is seen[-1]
    assert all(epoch.seconds > 0 and epoch.images_per_second > 0 for epoch in seen)


def test_training_stops_when_told_to() -> None:
    result = run(a_network(), on_epoch=lambda epoch: epoch.epoch == 2)
    assert result.stopped
    assert [epoch.epoch for epoch in result.epochs] == [1, 2]


def test_what_came_before_a_stop_is_what_would_have_been() -> None:
    stopped = run(a_network(), on_epoch=lambda epoch: epoch.epoch == 2)
    assert stopped.epochs == run(a_network()).epochs[:2]


def test_training_ends_when_patience_does() -> None:
    still = TrainSettings(epochs=20, patience=2, learning_rate=1e-12, weight_decay=0.0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 5))
    result = run(network, settings=still)
    best = best_epoch(result.epochs).epoch
    assert len(result.epochs) == best + 2 < 20
    assert not result.stopped


class Headed(NamedTuple):
    logits: Tensor
    aux1: Tensor


class NetworkWithHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Linear(108, 5)
        self.aux1 = nn.Linear(108, 5)

    def forward(self, images: Tensor) -> Tensor | Headed:
        flat = images.flatten(1)
        logits: Tensor = self.main(flat)
        return Headed(logits, self.aux1(flat)) if self.training else logits


def test_the_training_loss_is_the_logits_plus_the_weighted_head() -> None:
    network, data = NetworkWithHead(), noise_splits(33)
    logits, aux1 = network(data.normalizer(all_of(data.train)))
    labels = data.train.labels
    expected = (cross_entropy(logits, labels) + 0.3 * cross_entropy(aux1, labels)).item()
    one_step = TrainSettings(epochs=1, batch_size=64)
    result = run(network, data=data, settings=one_step, head_weights={"aux1": 0.3})
    assert result.last.train_loss == pytest.approx(expected, rel=1e-5)


def test_a_head_of_weight_zero_learns_nothing() -> None:
    network = NetworkWithHead()
    before = network.aux1.weight.detach().clone()
    still = TrainSettings(epochs=1, weight_decay=0.0)
    run(network, settings=still, head_weights={"aux1": 0.0})
    assert torch.equal(network.aux1.weight, before)
    run(network, settings=still, head_weights={"aux1": 0.3})
    assert not torch.equal(network.aux1.weight, before)


def test_a_head_without_a_weight_is_an_error() -> None:
    with pytest.raises(ArchbuilderError, match=r"auxiliary heads are aux1, but weights are given for none$"):
        run(NetworkWithHead())


def an_epoch(number: int, accuracy: float, loss: float = 1.0) -> EpochResult:
    return EpochResult(number, train_loss=1.0, validation_loss=loss, validation_accuracy=accuracy)


@pytest.mark.parametrize(
    ("epochs", "best"),
    [
        ([(0.5, 1.0)], 1),
        ([(0.5, 1.0), (0.6, 2.0), (0.55, 0.1)], 2),
        ([(0.5, 1.0), (0.5, 0.9), (0.4, 0.1)], 2),
        ([(0.5, 1.0), (0.5, 1.0)], 1),
    ],
    ids=["alone", "accuracy first", "then loss", "then the earlier"],
)
def test_the_best_epoch(epochs: list[tuple[float, float]], best: int) -> None:
    results = [an_epoch(number, *values) for number, values in enumerate(epochs, start=1)]
    assert best_epoch(results).epoch == best


@given(accuracies=st.lists(st.sampled_from([0.1, 0.2, 0.3]), max_size=12), patience=st.integers(1, 5))
def test_it_is_enough_when_the_last_epochs_brought_nothing_new(accuracies: list[float], patience: int) -> None:
    results = [an_epoch(number, accuracy) for number, accuracy in enumerate(accuracies, start=1)]
    older, newer = accuracies[:-patience], accuracies[-patience:]
    nothing_new = bool(older) and max(newer) <= max(older)
    assert is_enough(results, TrainSettings(patience=patience)) == nothing_new
    assert not is_enough(results, TrainSettings())
