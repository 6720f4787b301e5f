import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from archbuilder.training import ImageSet, evaluate


@pytest.fixture
def images() -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    return ImageSet(torch.randn(25, 3, 4, 4, generator=generator), torch.arange(25) % 5)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Dropout(0.5), nn.Flatten(), nn.Linear(32, 5))


@pytest.mark.parametrize("batch_size", [1, 8, 25, 100])
def test_loss_and_accuracy_are_those_of_all_images_at_once(
    network: nn.Module, images: ImageSet, batch_size: int
) -> None:
    found = evaluate(network, images, batch_size)
    logits = network.eval()(images.images)
    assert found.loss == pytest.approx(cross_entropy(logits, images.labels).item(), rel=1e-5)
    assert found.accuracy == int((logits.argmax(dim=1) == images.labels).sum()) / 25


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(network: nn.Module, images: ImageSet, training: bool) -> None:
    network.train(training)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    evaluate(network, images, 8)
    assert all(module.training is training for module in network.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_mode_is_restored_when_the_network_fails(images: ImageSet) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(7, 5))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        evaluate(network, images, 8)
    assert network.training


class Spy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return images.mean(dim=(2, 3)) @ torch.ones(3, 5)


def test_images_arrive_in_channels_last_and_without_gradients(images: ImageSet) -> None:
    spy = Spy()
    evaluate(spy, images, 10)
    assert [len(batch) for batch in spy.seen] == [10, 10, 5]
    for batch in spy.seen:
        assert batch.is_contiguous(memory_format=torch.channels_last)
        assert batch.is_inference()
