import torch

from archbuilder import load
from archbuilder.training import CPU, latency_of


def test_a_larger_network_takes_longer_and_nothing_else_changes() -> None:
    small = load("inception_digits")
    large = small.with_widths({name: 8 * width for name, width in small.widths.items()})
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    times = [latency_of(spec.plan(), CPU) for spec in (small, large)]
    assert 1 <= times[0] < times[1]  # 64 times the multiply-adds
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_batch_takes_longer_than_an_image() -> None:
    plan = load("inception_digits").plan()
    assert latency_of(plan, CPU) < latency_of(plan, CPU, batch=256)
