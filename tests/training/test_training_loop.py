from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from archbuilder.training import (
    DataSplits,
    EpochResult,
    ImageSet,
    TrainingDiverged,
    TrainResult,
    TrainSettings,
    load_data,
    train,
)


def noise(count: int, channels: int = 3) -> ImageSet:
    images = torch.randn(count, channels, 4, 4, generator=torch.Generator().manual_seed(count))
    return ImageSet(images, torch.arange(count) % 5)


@pytest.fixture
def data() -> DataSplits:
    return DataSplits("noise", 5, (3, 4, 4), train=noise(33), validation=noise(20), _test=noise(10))


def a_network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 8, 4), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 5)
        )


def a_broken_network() -> nn.Module:
    network = a_network()
    for parameter in network[-1].parameters():
        nn.init.constant_(parameter, float("nan"))
    return network


def run(
    network: nn.Module,
    data: DataSplits,
    *,
    settings: TrainSettings | None = None,
    seed: int = 0,
    on_epoch: Callable[[EpochResult], bool | None] = lambda _: None,
    head_weights: dict[str, float] | None = None,
) -> TrainResult:
    return train(
        network,
        data,
        settings or TrainSettings(epochs=3, batch_size=16),
        head_weights=head_weights or {},
        seed=seed,
        on_epoch=on_epoch,
    )


def test_a_small_network_learns_the_digits() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)),
    )
    result = run(network, load_data("digits"), settings=TrainSettings(epochs=4))
    assert result.last.validation_accuracy > 0.9
    assert result.last.train_loss < result.epochs[0].train_loss


def test_the_same_seed_gives_the_same_weights_bit_for_bit(data: DataSplits) -> None:
    one, two = a_network(), a_network()
    torch.manual_seed(1)
    first = run(one, data, seed=7)
    torch.manual_seed(2)
    second = run(two, data, seed=7)
    assert first == second
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name]), name


def test_another_seed_gives_other_weights(data: DataSplits) -> None:
    assert run(a_network(), data, seed=7) != run(a_network(), data, seed=8)


def test_the_callers_random_state_is_left_alone(data: DataSplits) -> None:
    before = torch.get_rng_state()
    run(a_network(), data)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_network_is_left_in_evaluation_mode(data: DataSplits) -> None:
    network = a_network()
    run(network, data)
    assert not any(module.training for module in network.modules())


def test_epochs_are_reported_as_they_end(data: DataSplits) -> None:
    seen: list[EpochResult] = []
    result = run(a_network(), data, on_epoch=seen.append)
    assert [epoch.epoch for epoch in seen] == [1, 2, 3]
    assert result == TrainResult(tuple(seen), stopped=False)
    assert result.last is seen[-1]


def test_training_stops_when_told_to(data: DataSplits) -> None:
    result = run(a_network(), data, on_epoch=lambda epoch: epoch.epoch == 2)
    assert result.stopped
    assert [epoch.epoch for epoch in result.epochs] == [1, 2]


def test_what_came_before_a_stop_is_what_would_have_been(data: DataSplits) -> None:
    stopped = run(a_network(), data, on_epoch=lambda epoch: epoch.epoch == 2)
    assert stopped.epochs == run(a_network(), data).epochs[:2]


class Spy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(48, 5)
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.seen.append(images)
        logits: Tensor = self.linear(images.flatten(1))
        return logits


def test_every_epoch_shows_every_image_once_in_a_new_order_and_channels_last(data: DataSplits) -> None:
    spy = Spy()
    run(spy, data, settings=TrainSettings(epochs=2, batch_size=16))
    # 33 images: the last one joins the second batch, since batch norm could not have taken it alone.
    assert [len(batch) for batch in spy.seen] == [16, 17, 16, 17]
    assert all(batch.is_contiguous(memory_format=torch.channels_last) for batch in spy.seen)
    first, second = (torch.cat(spy.seen[i : i + 2])[:, 0, 0, 0] for i in (0, 2))
    assert not torch.equal(first, second)
    for epoch in (first, second):
        assert torch.equal(epoch.sort().values, data.train.images[:, 0, 0, 0].sort().values)


def test_the_seed_decides_the_order_of_the_images(data: DataSplits) -> None:
    one, two = Spy(), Spy()
    run(one, data, seed=7)
    run(two, data, seed=8)
    assert not torch.equal(torch.cat(one.seen), torch.cat(two.seen))


class Headed(NamedTuple):
    logits: Tensor
    aux1: Tensor


class NetworkWithHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Linear(48, 5)
        self.aux1 = nn.Linear(48, 5)

    def forward(self, images: Tensor) -> Tensor | Headed:
        flat = images.flatten(1)
        logits: Tensor = self.main(flat)
        return Headed(logits, self.aux1(flat)) if self.training else logits


def test_the_training_loss_is_the_logits_plus_the_weighted_head(data: DataSplits) -> None:
    network = NetworkWithHead()
    logits, aux1 = network(data.train.images)
    labels = data.train.labels
    expected = (cross_entropy(logits, labels) + 0.3 * cross_entropy(aux1, labels)).item()
    one_step = TrainSettings(epochs=1, batch_size=64)
    result = run(network, data, settings=one_step, head_weights={"aux1": 0.3})
    assert result.last.train_loss == pytest.approx(expected, rel=1e-5)


def test_a_head_of_weight_zero_learns_nothing(data: DataSplits) -> None:
    network = NetworkWithHead()
    before = network.aux1.weight.detach().clone()
    still = TrainSettings(epochs=1, weight_decay=0.0)
    run(network, data, settings=still, head_weights={"aux1": 0.0})
    assert torch.equal(network.aux1.weight, before)
    run(network, data, settings=still, head_weights={"aux1": 0.3})
    assert not torch.equal(network.aux1.weight, before)


def test_a_training_loss_that_is_not_a_number_says_where_and_what_to_try(data: DataSplits) -> None:
    where = r"training loss in epoch 1, step 1 of 2 is nan at a learning rate of 0\.0006 \(the peak is 0\.015\)"
    with pytest.raises(TrainingDiverged, match=where + "; try a lower learning_rate"):
        run(a_broken_network(), data)


def test_a_validation_loss_that_is_not_a_number_is_divergence_too(data: DataSplits) -> None:
    data.validation.images[0] = float("inf")
    with pytest.raises(TrainingDiverged, match=r"validation loss after epoch 1 is nan at .* try a lower learning_rate"):
        run(a_network(), data)


def test_the_random_state_is_left_alone_when_training_diverges(data: DataSplits) -> None:
    network, before = a_broken_network(), torch.get_rng_state()
    with pytest.raises(TrainingDiverged, match="is nan"):
        run(network, data)
    assert torch.equal(torch.get_rng_state(), before)
