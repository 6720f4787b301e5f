import math
from itertools import pairwise

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from archbuilder.optimizers import OptimizerName
from archbuilder.recipe import Schedule, TrainSettings
from archbuilder.training.optimizer import make_optimizer
from archbuilder.training.schedule import learning_rate, set_rates

STEPS = st.integers(1, 80)
WARMUPS = st.none() | st.just(0.0) | st.floats(0.0, 0.9)
PEAK = 0.1


def some(schedule: Schedule, warmup: float | None = None) -> TrainSettings:
    return TrainSettings(schedule=schedule, learning_rate=PEAK, warmup=warmup)


def rates(settings: TrainSettings, steps: int) -> list[float]:
    return [learning_rate(step, steps, settings) for step in range(steps)]


def betas(settings: TrainSettings, steps: int) -> list[float]:
    """Give the first beta in each step, and see that both groups have it and the rate."""
    optimizer = make_optimizer(nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)), settings)
    found = []
    for step in range(steps):
        set_rates(optimizer, step, steps, settings)
        first, second = optimizer.param_groups
        assert first["lr"] == second["lr"] == learning_rate(step, steps, settings)
        assert first["betas"] == second["betas"]
        assert first["betas"][1] == 0.999
        found.append(first["betas"][0])
    return found


def of_torch(steps: int, share: float) -> list[tuple[float, float]]:
    """Give the rate and the first beta of each step as torch has them."""
    optimizer = AdamW([nn.Parameter(torch.zeros(()))], lr=PEAK)
    schedule = OneCycleLR(optimizer, PEAK, total_steps=steps, pct_start=share)
    found = []
    for step in range(steps):
        found.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]))
        optimizer.step()
        if step < steps - 1:
            schedule.step()
    return found


@given(steps=st.integers(2, 300), warmup=st.none() | st.floats(0.0, 0.9))
@example(steps=2, warmup=0.9)
@example(steps=80, warmup=0.3)
@example(steps=11, warmup=0.1)
def test_one_cycle_is_torchs_step_by_step(steps: int, warmup: float | None) -> None:
    settings = some(Schedule.ONE_CYCLE, warmup)
    assume(settings.warmup_share * steps > 1.001)  # below, torch's peak lies before the first step
    expected = of_torch(steps, settings.warmup_share)
    assert rates(settings, steps) == pytest.approx([rate for rate, _ in expected], rel=1e-9, abs=1e-12)
    assert betas(settings, steps) == pytest.approx([beta for _, beta in expected], rel=1e-9)


@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize("steps", [1, 2, 3, 40])
def test_without_a_warmup_the_first_step_is_at_the_peak_and_none_is_higher(schedule: Schedule, steps: int) -> None:
    found = rates(some(schedule, 0.0), steps)
    assert found[0] == max(found) == PEAK
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("schedule", Schedule)
def test_a_single_step_is_at_the_peak(schedule: Schedule) -> None:
    assert rates(some(schedule), 1) == [PEAK]
    assert betas(some(Schedule.ONE_CYCLE), 1) == pytest.approx([0.85])


@pytest.mark.parametrize(("steps", "warmup"), [(2, 0.5), (4, 0.25), (10, 0.05), (80, 0.0)])
def test_one_cycle_that_has_no_step_to_rise_in_begins_at_the_peak(steps: int, warmup: float) -> None:
    settings = some(Schedule.ONE_CYCLE, warmup)
    assert rates(settings, steps)[0] == PEAK
    assert betas(settings, steps)[0] == pytest.approx(0.85)
    assert betas(settings, steps)[-1] == pytest.approx(0.95)


@pytest.mark.parametrize("schedule", Schedule)
def test_the_momentum_of_sgd_stays_what_was_set(schedule: Schedule) -> None:
    settings = TrainSettings(optimizer=OptimizerName.SGD, momentum=0.7, schedule=schedule)
    optimizer = make_optimizer(nn.Linear(1, 1), settings)
    for step in range(20):
        set_rates(optimizer, step, 20, settings)
        assert {group["momentum"] for group in optimizer.param_groups} == {0.7}
        assert {group["lr"] for group in optimizer.param_groups} == {learning_rate(step, 20, settings)}


@pytest.mark.parametrize("schedule", [Schedule.COSINE, Schedule.CONSTANT])
def test_other_schedules_leave_the_momentum_of_adamw_alone(schedule: Schedule) -> None:
    assert set(betas(some(schedule), 20)) == {0.9}


def test_one_cycle_moves_the_momentum_of_adamw_against_the_rate() -> None:
    settings = some(Schedule.ONE_CYCLE)
    steps = list(zip(rates(settings, 40), betas(settings, 40), strict=True))
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
    settings = some(Schedule.ONE_CYCLE, warmup)
    found = rates(settings, steps)
    assert_rises_and_falls(found)
    assert max(found) <= PEAK
    assert min(found) > 0
    if steps > 1:
        assert found[-1] == pytest.approx(PEAK / 25e4, rel=1e-6)
    if steps >= 10 and settings.warmup_share <= 0.5:
        assert max(found) == pytest.approx(PEAK, rel=0.15)
        assert abs(found.index(max(found)) + 1 - settings.warmup_share * steps) <= 1


@given(steps=STEPS, warmup=WARMUPS)
def test_cosine_rises_in_a_line_and_falls_along_a_cosine(steps: int, warmup: float | None) -> None:
    settings = some(Schedule.COSINE, warmup)
    found = rates(settings, steps)
    rising = round(settings.warmup_share * steps)
    assert found[:rising] == pytest.approx([PEAK * (step + 1) / (rising + 1) for step in range(rising)])
    falling = steps - rising
    assert found[rising:] == pytest.approx([PEAK * math.cos(math.pi / 2 * t / falling) ** 2 for t in range(falling)])


@given(steps=st.integers(10, 80))
def test_cosine_reaches_its_peak_and_ends_near_nothing(steps: int) -> None:
    found = rates(some(Schedule.COSINE), steps)
    assert_rises_and_falls(found)
    assert max(found) == pytest.approx(PEAK)
    assert 0 < found[-1] < 0.003


@given(steps=STEPS, warmup=WARMUPS)
def test_constant_rises_in_a_line_and_stays(steps: int, warmup: float | None) -> None:
    settings = some(Schedule.CONSTANT, warmup)
    found = rates(settings, steps)
    rising = round(settings.warmup_share * steps)
    assert found[:rising] == pytest.approx([PEAK * (step + 1) / (rising + 1) for step in range(rising)])
    assert found[rising:] == [PEAK] * (steps - rising)
