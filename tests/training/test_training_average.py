import pytest
import torch
from torch import nn

from archbuilder.training.average import make_average


def set_to(network: nn.Module, seed: int) -> None:
    """Give parameters and buffers new values."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in [*network.parameters(), *network.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
            else:
                tensor.fill_(seed)


@pytest.mark.parametrize("decay", [0.05, 0.3, 0.999])
def test_it_is_the_published_recurrence_in_weights_and_running_statistics(decay: float) -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2))
    average = make_average(network, decay)
    expected: dict[str, list[float]] = {}
    for t in range(12):  # steps before this one
        set_to(network, seed=t + 1)
        average.update_parameters(network)
        kept = min(decay, (1 + t) / (10 + t)) if t else 0.0  # the first step is taken over whole
        for name, tensor in network.state_dict().items():
            values = tensor.flatten().tolist()
            old = expected.get(name, values)
            expected[name] = [kept * a + (1 - kept) * b for a, b in zip(old, values, strict=True)]
            if name.endswith("num_batches_tracked"):
                expected[name] = values
    found = {name: tensor.flatten().tolist() for name, tensor in average.module.state_dict().items()}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-5, abs=1e-6), name
    assert found["1.num_batches_tracked"] == [12]


def test_how_the_network_began_is_soon_forgotten() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1e6)
    average = make_average(network, 0.9999)
    followed = average.module.get_parameter("weight")
    for value in (1.0, 2.0, 2.0, 2.0):
        nn.init.constant_(network.weight, value)
        average.update_parameters(network)
    assert 1.9 < followed.item() < 2.0


def test_the_network_itself_is_not_touched() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2))
    average = make_average(network, 0.9)
    set_to(network, seed=1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for _ in range(3):
        average.update_parameters(network)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
