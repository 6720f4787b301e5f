import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from archbuilder.optimizers import OptimizerName
from archbuilder.recipe import TrainSettings
from archbuilder.training.optimizer import decay_groups, make_optimizer


def a_network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def test_only_the_weights_of_convolutions_and_linear_layers_decay() -> None:
    network = a_network()
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    decayed, spared = decay_groups(list(network.parameters()), 0.01)
    assert {names[id(p)] for p in decayed["params"]} == {"0.weight", "3.weight"}
    assert {names[id(p)] for p in spared["params"]} == {"0.bias", "1.weight", "1.bias", "3.bias"}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.01, 0.0)


@pytest.mark.parametrize("optimizer", OptimizerName)
def test_without_a_gradient_only_decay_moves_a_parameter(optimizer: OptimizerName) -> None:
    network = a_network()
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    make_optimizer(network, TrainSettings(optimizer=optimizer, weight_decay=0.5)).step()
    moved = {name for name, parameter in network.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {"0.weight", "3.weight"}


def steps_of(optimizer: Optimizer, parameter: Tensor, gradients: list[float]) -> list[float]:
    values = []
    for gradient in gradients:
        parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()
        values.append(parameter.item())
    return values


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_sgd_has_nesterovs_momentum(momentum: float) -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 1.0)
    settings = TrainSettings(optimizer=OptimizerName.SGD, learning_rate=0.1, momentum=momentum, weight_decay=0.0)
    gradients = [1.0, -2.0, 0.5]
    found = steps_of(make_optimizer(layer, settings), layer.weight, gradients)
    value, velocity, expected = 1.0, 0.0, []
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        value -= 0.1 * (gradient + momentum * velocity)  # it looks ahead by one more step of the velocity
        expected.append(value)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("optimizer", OptimizerName)
@pytest.mark.parametrize("fused", [False, True])
def test_whether_a_step_is_one_kernel_decides_nothing_but_speed(optimizer: OptimizerName, fused: bool) -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 1.0)
    made = make_optimizer(layer, TrainSettings(optimizer=optimizer, learning_rate=0.1), fused=fused)
    assert made.defaults["fused"] is fused
    plain = make_optimizer(other := nn.Linear(1, 1, bias=False), TrainSettings(optimizer=optimizer, learning_rate=0.1))
    nn.init.constant_(other.weight, 1.0)
    gradients = [1.0, -2.0, 0.5]
    assert steps_of(made, layer.weight, gradients) == pytest.approx(steps_of(plain, other.weight, gradients))


@pytest.mark.parametrize("optimizer", OptimizerName)
def test_a_first_step_that_is_skipped_leaves_nothing_behind(optimizer: OptimizerName) -> None:
    settings = TrainSettings(optimizer=optimizer, learning_rate=0.1)
    found = []
    for gradients in ([float("inf"), 1.0, -2.0], [1.0, -2.0]):
        layer = nn.Linear(1, 1, bias=False)
        nn.init.constant_(layer.weight, 1.0)
        made = make_optimizer(layer, settings, fused=False)
        scaler = torch.amp.GradScaler("cpu", init_scale=1.0)
        for gradient in gradients:
            layer.weight.grad = scaler.scale(torch.tensor([[gradient]]))
            scaler.step(made)
            scaler.update()
        found.append((layer.weight.item(), made.state_dict()["state"]))
    assert found[0] == found[1]
