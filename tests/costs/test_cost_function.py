"""Many candidates at once cost what the plan of each says."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.nested_specs import nested_specs
from support.random_specs import specs as random_specs

from archbuilder import ArchbuilderError, NetworkSpec, load
from archbuilder.costs.function import CostFunction
from archbuilder.costs.quantities import QUANTITIES, Quantity, exists, polynomials
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.primitives import Convolution
from archbuilder.spec.sources import shipped_names

# 10,000 in all; the large networks take longest to plan.
CANDIDATES = {
    "inception_digits": 4960,
    "googlenet": 1200,
    "inception_small_28": 1000,
    "resnet18_torchvision": 600,
    "inception_small_32": 600,
    "googlenet_torchvision": 400,
    "bn_inception": 300,
    "googlenet_caffe": 200,
    "inception_v3_torchvision": 200,
    "inception_v4_timm": 120,
    "inception_resnet_v2_timm": 80,
    "squeezenet1_0_torchvision": 40,
    "resnet50_torchvision": 20,
    "convnext_tiny_torchvision": 20,
    "ghostnet_timm": 20,
    "vgg16_bn_torchvision": 60,
    "mixed_small_28": 20,
    "mixed_small_32": 20,
    "mobilenet_v2_torchvision": 20,
    "mobilenet_v3_large_torchvision": 20,
    "efficientnet_b0_torchvision": 20,
    "densenet121_torchvision": 20,
    "regnet_y_400mf_torchvision": 20,
    "shufflenet_v2_x1_0_torchvision": 40,
}

HALVED = ("ghostnet", "shufflenet", "regnet")
"""Networks whose channels are halved, or have groups of 8: most odd widths leave no network."""

ADDED = ("resnet", "inception_resnet", "convnext", *HALVED)
"""Networks whose widths are added: they are equal in half of the candidates."""


def compared(spec: NetworkSpec, function: CostFunction, matrix: np.ndarray[Any, Any]) -> int:
    """Compare each candidate with its plan; count those that are networks."""
    prices = function.price(matrix)
    for row, widths in enumerate(matrix):
        plan, _ = try_plan(spec.document, dict(zip(function.names, map(int, widths), strict=True)))
        found = {name: int(prices.counts[name][row]) for name in polynomials()}
        expected = {name: quantity.of(plan) if plan else 0 for name, quantity in polynomials().items()}
        assert (found, bool(prices.is_valid[row])) == (expected, plan is not None), widths
    return int(prices.is_valid.sum())


def drawn(data: st.DataObject, least: int, widths: int) -> np.ndarray[Any, Any]:
    """Draw four candidates."""
    numbers = data.draw(st.lists(st.integers(least, 12), min_size=4 * widths, max_size=4 * widths))
    return np.array(numbers, dtype=np.int64).reshape(4, widths)


def test_every_shipped_spec_is_compared() -> None:
    assert sorted(CANDIDATES) == shipped_names("specs")
    assert sum(CANDIDATES.values()) == 10_000


@pytest.mark.parametrize("name", CANDIDATES)
def test_random_candidates_cost_what_their_plans_say(name: str) -> None:
    spec, count = load(name), CANDIDATES[name]
    function = CostFunction(spec.document)
    random = np.random.default_rng(0)
    base = np.array([spec.widths[name] for name in function.names])
    matrix = np.maximum(1, (base * random.uniform(0.25, 2, (count, len(base)))).astype(np.int64))
    if name.startswith(HALVED):
        matrix = matrix // 8 * 8 + 8
    if name.startswith(ADDED):
        matrix[::2] = base
        matrix[::2, 0] = random.integers(1, 25, len(matrix[::2])) * 8
    else:
        matrix[random.random(matrix.shape) < 0.5 / len(base)] = 0  # a branch is left out, or no network is left
    networks = compared(spec, function, matrix)
    assert networks > count / 3
    assert len(function._variants) <= 24  # planning goes few ways, and each is compiled once


@given(random_specs(), st.data())
def test_random_specs(values: dict[str, Any], data: st.DataObject) -> None:
    spec = NetworkSpec.from_dict(values)
    function = CostFunction(spec.document)
    compared(spec, function, drawn(data, 0, len(function.names)))


@given(nested_specs(), st.data())
def test_nested_specs(values: dict[str, Any], data: st.DataObject) -> None:
    spec = NetworkSpec.from_dict(values)
    function = CostFunction(spec.document)
    compared(spec, function, drawn(data, 1, len(function.names)))


ARITHMETIC = """
input: {channels: 3, height: 16, width: 16}
classes: 10
width: 0.75
blocks:
  squeezed:
    parameters: {out: width, groups: {type: integer, default: 1}}
    body:
      - {name: depthwise, type: convolution, out: $in, kernel: 3, groups: $in, padding: 1}
      - multiply:
          - []
          - - {type: global_avg_pool}
            - {name: less, type: convolution, out: $in // 4 + 1, kernel: 1}
            - {name: more, type: convolution, out: $in, kernel: 1}
      - {type: group_norm, groups: 2, when: $in % 2 == 0}
      - {type: conv, out: $out * 2 // 3 + 1, kernel: 1}
      - {name: wide, type: conv, out: $out - $out % 4 + 4, kernel: 3, padding: same, when: $out > 20}
      - {type: batch_norm}
layers:
  - {name: stem, type: conv, out: 16, kernel: 3}
  - {name: first, type: squeezed, out: 24}
  - {name: second, type: squeezed, out: 12, repeat: 2}
  - add: [[{name: left, type: conv, out: 8, kernel: 1}], [{name: right, type: conv, out: 8, kernel: 1}]]
  - {name: gap, type: global_avg_pool}
  - {name: flat, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


def test_arithmetic_conditions_and_a_multiplier() -> None:
    spec = NetworkSpec.from_text(ARITHMETIC)
    function = CostFunction(spec.document)
    matrix = np.random.default_rng(1).integers(1, 48, (300, len(function.names)))
    matrix[:, -1] = matrix[:, -2]  # most are added with success
    matrix[::10, -1] += 20
    assert compared(spec, function, matrix) > 200


def test_some_widths_vary_and_the_rest_stay() -> None:
    spec = load("googlenet")
    function = CostFunction(spec.document, ["inception5b.5x5", "inception3a.3x3"])
    assert function.names == ("inception5b.5x5", "inception3a.3x3")
    changed = spec.set({"inception3a.3x3": 64, "inception5b.5x5": 0}).plan()
    cost = function.price_one({"inception3a.3x3": 64, "inception5b.5x5": 0})
    assert cost == {name: quantity.of(changed) for name, quantity in polynomials().items()}
    assert function.price_one({"inception3a.3x3": 128, "inception5b.5x5": 128}) == {
        name: quantity.of(spec.plan()) for name, quantity in polynomials().items()
    }


def test_a_head_adds_nothing_and_must_still_be_one() -> None:
    spec = load("googlenet")
    function = CostFunction(spec.document, ["aux1.channels"])
    assert function.price([[1], [500]]).macs.tolist() == [spec.plan().macs] * 2
    assert function.price([[0]]).is_valid.tolist() == [False]


def test_nothing_is_left_of_a_block() -> None:
    function = CostFunction(load("inception_digits").document)
    widths = {name: 0 if name.startswith("inception2a.") else 8 for name in function.names}
    assert function.price_one(widths) is None


def test_a_spec_that_is_no_network_with_a_width_of_one_compiles_as_it_is() -> None:
    text = """
input: {channels: 3, height: 8, width: 8}
classes: 4
layers:
  - {name: mix, type: inception, 1x1: 8, 3x3red: 8, 3x3: 8, 5x5red: 0, 5x5: 8, pool_proj: 0}
  - {name: norm, type: group_norm, groups: 16}
  - {name: flat, type: flatten}
  - {name: fc, type: linear, out: 4}
"""
    spec = NetworkSpec.from_text(text)
    function = CostFunction(spec.document)
    matrix = np.array([[8, 8, 8, 0, 8, 0], [8, 8, 8, 8, 8, 8], [8, 8, 8, 1, 8, 1], [16, 8, 16, 0, 5, 0]])
    assert compared(spec, function, matrix) == 3


def test_what_64_bits_do_not_hold_is_an_error() -> None:
    text = """
input: {channels: 3, height: 1000, width: 1000}
classes: 4
layers:
  - {name: a, type: conv, out: 8, kernel: 1}
  - {name: b, type: conv, out: 8, kernel: 1}
  - {name: c, type: conv, out: 8, kernel: 1}
  - {name: gap, type: global_avg_pool}
  - {name: flat, type: flatten}
  - {name: fc, type: linear, out: 4}
"""
    function = CostFunction(NetworkSpec.from_text(text).document)
    fits = function.price([[8, 999_999, 900_000]])  # more than a float holds exactly
    assert fits.macs.tolist() == [10**6 * (3 * 8 + 8 * 999_999 + 999_999 * 900_000 + 900_000) + 900_000 * 4]
    wide = function.price([[8, 8, 8]] * 300 + [[900_000, 999_999, 8]] + [[8, 8, 9]])
    assert wide.macs[301] == 10**6 * (3 * 8 + 8 * 8 + 8 * 9 + 9) + 9 * 4
    tall = text.replace("height: 1000, width: 1000", "height: 10000, width: 10000")
    large = tall.replace("out: 8, kernel: 1}\n  - {name: c,", "out: 8, kernel: 31, padding: 15}\n  - {name: c,")
    function = CostFunction(NetworkSpec.from_text(large).document)
    with pytest.raises(ArchbuilderError, match=r"^candidate 300: one of its counts is 2\*\*63 or more"):
        function.price([[8, 8, 8]] * 300 + [[10_000, 10_000, 8]])


def test_a_network_that_no_machine_holds_is_none() -> None:
    text = """
input: {channels: 3, height: 1, width: 1}
classes: 4
layers:
  - {name: a, type: conv, out: 8, kernel: 1}
  - {name: b, type: conv, out: 8, kernel: 3, padding: 1}
  - {name: flat, type: flatten}
  - {name: fc, type: linear, out: 4}
"""
    spec = NetworkSpec.from_text(text)
    matrix = np.array([[10**6, 10**5], [10**6, 10**6], [10**6 + 1, 8], [8, 8]])
    assert compared(spec, CostFunction(spec.document), matrix) == 2


def test_bad_input_is_refused() -> None:
    function = CostFunction(load("inception_digits").document)
    count = len(function.names)
    with pytest.raises(ArchbuilderError, match=rf"^found an array of shape \(3,\), expected \(candidates, {count}\)"):
        function.price([1, 2, 3])
    with pytest.raises(ArchbuilderError, match=r"^found widths that are not integers of at least 0$"):
        function.price(np.full((1, count), 8.0))
    with pytest.raises(ArchbuilderError, match=r"^found widths that are not integers of at least 0$"):
        function.price(np.full((1, count), -8))
    with pytest.raises(ArchbuilderError, match=r"no width 'inception2a.3x3rd'; did you mean inception2a.3x3red\?"):
        CostFunction(load("inception_digits").document, ["inception2a.3x3rd"])
    assert function.price(np.zeros((0, count), dtype=int)).macs.shape == (0,)


def test_a_quantity_that_counts_operations_leaves_removed_branches_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def layers(plan: Plan) -> Any:  # a symbol where widths are
        return sum(exists(op) for op in plan.ops if isinstance(op.op, Convolution))

    monkeypatch.setitem(
        QUANTITIES, "layers", Quantity("layers", "layers", "The most convolutions.", layers, is_polynomial=True)
    )
    spec = load("googlenet")
    function = spec.costs(["inception3a.5x5", "inception3a.5x5red", "inception4b.1x1"])
    candidates = [[32, 16, 160], [0, 16, 160], [32, 0, 160], [0, 0, 0], [8, 8, 0]]
    prices = function.price(candidates)
    expected = [
        sum(isinstance(op.op, Convolution) for op in spec.set(dict(zip(function.names, row, strict=True))).plan().ops)
        for row in candidates
    ]
    assert prices.counts["layers"].tolist() == expected
    assert len(set(expected)) > 2
