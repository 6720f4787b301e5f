"""The count is the plan's."""

import pytest

import archbuilder
from archbuilder.proxies import score
from proxies.tiny_networks import headed, two_layers


def test_by_hand() -> None:
    assert score("parameters", two_layers(), []) == 2 * 3 + 3 * 2
    assert score("parameters", two_layers(bias=True), []) == 2 * 3 + 3 * 2 + 2
    assert score("parameters", two_layers(norm="batch"), []) == 2 * 3 + (3 + 3) + 3 * 2


@pytest.mark.parametrize("name", ["inception_digits", "inception_small_28", "googlenet"])
def test_it_is_the_plans(name: str) -> None:
    spec = archbuilder.load(name)
    assert score("parameters", spec.build(initialized=False), []) == spec.plan().parameters


def test_frozen_weights_count() -> None:
    network = headed()
    count = score("parameters", network, [])
    assert score("parameters", network.requires_grad_(False), []) == count
