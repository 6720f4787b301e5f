import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim import Optimizer

from archbuilder.recipe import OptimiserName, Schedule, TrainSettings
from archbuilder.training.optimiser import decay_groups, make_optimiser, make_schedule

STEPS = st.integers(1, 80)
WARMUPS = st.none() | st.just(0.0) | st.floats(0.0, 0.9)


def a_network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def groups_by_step(settings: TrainSettings, steps: int) -> list[dict[str, Any]]:
    """Give the settings of the first group in each step, and see that the second has the same rate."""
    optimiser = make_optimiser(a_network(), settings)
    schedule = make_schedule(optimiser, settings, steps=steps)
    found = []
    for _ in range(steps):
        first, second = optimiser.param_groups
        assert first["lr"] == second["lr"]
        found.append({key: value for key, value in first.items() if key != "params"})
        optimiser.step()
        schedule.step()
    return found


def rates(settings: TrainSettings, steps: int) -> list[float]:
    return [float(group["lr"]) for group in groups_by_step(settings, steps)]


def test_only_the_weights_of_convolutions_and_linear_layers_decay() -> None:
    network = a_network()
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    decayed, spared = decay_groups(network, 0.01)
    assert {names[id(p)] for p in decayed["params"]} == {"0.weight", "3.weight"}
    assert {names[id(p)] for p in spared["params"]} == {"0.bias", "1.weight", "1.bias", "3.bias"}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.01, 0.0)


@pytest.mark.parametrize("optimiser", OptimiserName)
def test_without_a_gradient_only_decay_moves_a_parameter(optimiser: OptimiserName) -> None:
    network = a_network()
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    make_optimiser(network, TrainSettings(optimiser=optimiser, weight_decay=0.5)).step()
    moved = {name for name, parameter in network.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {"0.weight", "3.weight"}


def steps_of(optimiser: Optimizer, parameter: Tensor, gradients: list[float]) -> list[float]:
    values = []
    for gradient in gradients:
        parameter.grad = torch.full_like(parameter, gradient)
        optimiser.step()
        values.append(parameter.item())
    return values


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_sgd_has_nesterovs_momentum(momentum: float) -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 1.0)
    settings = TrainSettings(optimiser=OptimiserName.SGD, learning_rate=0.1, momentum=momentum, weight_decay=0.0)
    gradients = [1.0, -2.0, 0.5]
    found = steps_of(make_optimiser(layer, settings), layer.weight, gradients)
    value, velocity, expected = 1.0, 0.0, []
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        value -= 0.1 * (gradient + momentum * velocity)  # it looks ahead by one more step of the velocity
        expected.append(value)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("schedule", Schedule)
def test_the_momentum_of_sgd_stays_what_was_set(schedule: Schedule) -> None:
    settings = TrainSettings(optimiser=OptimiserName.SGD, momentum=0.7, schedule=schedule)
    assert {group["momentum"] for group in groups_by_step(settings, 20)} == {0.7}


def test_one_cycle_moves_the_momentum_of_adamw_against_the_rate() -> None:
    found = groups_by_step(TrainSettings(), 40)
    steps = [(group["lr"], group["betas"][0]) for group in found]
    for (rate, momentum), (next_rate, next_momentum) in pairwise(steps):
        assert (next_rate > rate) == (next_momentum < momentum)
    assert max(steps)[1] == pytest.approx(0.85, abs=0.001)
    assert [steps[0][1], steps[-1][1]] == pytest.approx([0.95, 0.95])


def assert_rises_and_falls(found: list[float]) -> None:
    top = found.index(max(found))
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)


@given(steps=STEPS, warmup=WARMUPS)
def test_one_cycle_rises_to_its_peak_and_falls_to_almost_nothing(steps: int, warmup: float | None) -> None:
    settings = TrainSettings(learning_rate=0.1, warmup=warmup)
    found = rates(settings, steps)
    assert_rises_and_falls(found)
    assert max(found) <= 0.1 + 1e-9
    assert min(found) >= 0.0
    if steps * (1 - settings.rise) >= 1:  # else the peak is between the last two steps
        assert found[-1] < 1e-5
    if steps >= 10 and settings.rise <= 0.5:
        assert max(found) == pytest.approx(0.1, rel=0.15)
        assert abs(found.index(max(found)) + 1 - settings.rise * steps) <= 1


@pytest.mark.parametrize(("steps", "warmup"), [(2, 0.5), (4, 0.25), (10, 0.1), (49, 1 / 49), (80, 1 / 80)])
def test_one_cycle_may_rise_for_just_one_step(steps: int, warmup: float) -> None:
    assert steps * warmup == pytest.approx(1)
    found = rates(TrainSettings(learning_rate=0.1, warmup=warmup), steps)
    assert_rises_and_falls(found)
    assert found[0] == pytest.approx(0.004, rel=1e-3)  # torch begins at a 25th


@given(steps=STEPS, warmup=WARMUPS)
def test_cosine_rises_in_a_line_and_falls_along_a_cosine(steps: int, warmup: float | None) -> None:
    settings = TrainSettings(schedule=Schedule.COSINE, learning_rate=0.1, warmup=warmup)
    found = rates(settings, steps)
    rising = round(settings.rise * steps)
    assert found[:rising] == pytest.approx([0.1 * (step + 1) / (rising + 1) for step in range(rising)])
    falling = steps - rising
    assert found[rising:] == pytest.approx([0.1 * math.cos(math.pi / 2 * t / falling) ** 2 for t in range(falling)])


@given(steps=st.integers(10, 80))
def test_cosine_reaches_its_peak_and_ends_near_nothing(steps: int) -> None:
    found = rates(TrainSettings(schedule=Schedule.COSINE, learning_rate=0.1), steps)
    assert_rises_and_falls(found)
    assert max(found) == pytest.approx(0.1)
    assert found[-1] < 0.003


@given(steps=STEPS, warmup=WARMUPS)
def test_constant_rises_in_a_line_and_stays(steps: int, warmup: float | None) -> None:
    settings = TrainSettings(schedule=Schedule.CONSTANT, learning_rate=0.1, warmup=warmup)
    found = rates(settings, steps)
    rising = round(settings.rise * steps)
    assert found[:rising] == pytest.approx([0.1 * (step + 1) / (rising + 1) for step in range(rising)])
    assert found[rising:] == [0.1] * (steps - rising)
