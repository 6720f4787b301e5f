import pytest
import torch
from torch import nn

from archbuilder.training import TrainSettings
from archbuilder.training.optimiser import decay_groups, one_cycle


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def test_only_the_weights_of_convolutions_and_linear_layers_decay(network: nn.Module) -> None:
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    decayed, spared = decay_groups(network, 0.01)
    assert {names[id(p)] for p in decayed["params"]} == {"0.weight", "3.weight"}
    assert {names[id(p)] for p in spared["params"]} == {"0.bias", "1.weight", "1.bias", "3.bias"}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.01, 0.0)


def test_without_a_gradient_only_decay_moves_a_parameter(network: nn.Module) -> None:
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser, _ = one_cycle(network, TrainSettings(weight_decay=0.5), steps=10)
    optimiser.step()
    moved = {name for name, parameter in network.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {"0.weight", "3.weight"}


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10, 80])
def test_the_rate_rises_to_its_peak_and_falls_to_almost_nothing(network: nn.Module, steps: int) -> None:
    optimiser, schedule = one_cycle(network, TrainSettings(learning_rate=0.1), steps=steps)
    rates = []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        assert optimiser.param_groups[1]["lr"] == rates[-1]
        optimiser.step()
        schedule.step()
    assert max(rates) <= 0.1 + 1e-9
    assert rates[-1] < 1e-5
    if steps >= 10:
        top = rates.index(max(rates))
        assert rates[top] == pytest.approx(0.1, rel=0.05)
        assert rates[: top + 1] == sorted(rates[: top + 1])
        assert rates[top:] == sorted(rates[top:], reverse=True)
