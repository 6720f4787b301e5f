"""A difference between the plan's count and fvcore's is shown where it is."""

import pytest

import archbuilder
from archbuilder.crosscheck.fvcore_count import CountDifference, compare, count_with_fvcore
from archbuilder.primitives import Linear, Shape


def test_every_shipped_spec_agrees() -> None:
    for name in ("googlenet", "googlenet_torchvision", "inception_digits"):
        spec = archbuilder.load(name)
        assert compare(spec.plan(), count_with_fvcore(spec.build(aux=False), spec.plan().input_shape)) == []


def test_a_wrong_count_is_named_by_module_and_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = archbuilder.load("inception_digits")
    count = count_with_fvcore(spec.build(aux=False), spec.plan().input_shape)

    def wrong(self: Linear, input_shape: Shape, output_shape: Shape) -> int:
        return 7

    monkeypatch.setattr(Linear, "macs", wrong)
    plan = archbuilder.load("inception_digits").plan()
    assert compare(plan, count) == [CountDifference("fc", "linear", 7, 1280)]


def test_the_modules_mode_is_left_as_it_was() -> None:
    spec = archbuilder.load("inception_digits")
    network = spec.build().train()
    count_with_fvcore(network, spec.plan().input_shape)
    assert network.training


def test_what_fvcore_cannot_count_is_listed() -> None:
    spec = archbuilder.load("googlenet")
    count = count_with_fvcore(spec.build(aux=False), spec.plan().input_shape)
    assert count.uncounted == {"aten::max_pool2d": 13}
    assert count.total == 1_582_722_048
