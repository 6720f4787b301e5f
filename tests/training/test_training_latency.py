"""Latencies of networks that run; nothing here depends on how fast or how busy the machine is."""

import pytest
import torch

from archbuilder import load
from archbuilder.modules import build_network
from archbuilder.plan.plan import Plan
from archbuilder.recipe import Precision
from archbuilder.training import CPU, Conditions, Machine, conditions_text, latency_of


def test_a_network_is_measured_on_batches_of_a_size_and_nothing_else_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    plan = load("inception_digits").plan()

    def watched(*given: object, **more: object) -> torch.nn.Module:
        network = build_network(*given, **more)  # type: ignore[arg-type]
        network.register_forward_pre_hook(lambda module, images: seen.append(len(images[0])))
        return network

    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    monkeypatch.setattr("archbuilder.training.latency.build_network", watched)
    assert latency_of(plan, CPU) >= 1
    singles = len(seen)
    assert latency_of(plan, CPU, 3) >= 1
    assert singles >= 20
    assert set(seen[:singles]) == {1}
    assert set(seen[singles:]) == {3}
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_a_latency_depends_on_is_said() -> None:
    assert conditions_text(CPU, 1, 1) == "batch size 1 on cpu with 1 thread"
    mixed = Machine(torch.device("cpu"), Precision.BFLOAT16)
    assert conditions_text(mixed, 32, 4) == "batch size 32 on cpu with 4 threads in bfloat16"
    assert conditions_text(Machine(torch.device("mps")), 2, 4) == "batch size 2 on mps"


def test_conditions_measure_as_they_say() -> None:
    plan, asked = load("inception_digits").plan(), list[tuple[str, int, int]]()

    def timer(plan: Plan, machine: Machine, batch_size: int) -> int:
        asked.append((machine.device.type, batch_size, torch.get_num_threads()))
        return 7

    before = torch.get_num_threads()
    meta = Machine(torch.device("meta"))
    assert Conditions.of(meta, "auto", 4, None) == Conditions(meta, 4, before)
    conditions = Conditions.of(meta, "cpu", 4, before + 1)
    assert str(conditions) == f"batch size 4 on cpu with {before + 1} threads"
    assert conditions.measure(plan, timer) == 7
    assert asked == [("cpu", 4, before + 1)]
    assert torch.get_num_threads() == before
