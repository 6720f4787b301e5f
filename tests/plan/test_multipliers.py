"""Multipliers are the decimals that a file writes, not the binary floats nearest to them."""

from decimal import ROUND_CEILING, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archbuilder import NetworkSpec
from archbuilder.plan.multipliers import multiplied_repeat, multiplied_width

HUNDREDTHS = st.integers(1, 10_000).map(lambda hundredths: Decimal(hundredths) / 100)


@given(st.integers(0, 10_000), HUNDREDTHS)
def test_a_repeat_is_the_decimal_product_rounded_up(repeat: int, depth: Decimal) -> None:
    wanted = (repeat * depth).to_integral_value(ROUND_CEILING)
    assert multiplied_repeat(repeat, float(str(depth))) == wanted


@given(st.integers(1, 10_000), HUNDREDTHS, st.integers(1, 32))
def test_a_width_is_the_nearest_multiple_but_no_tenth_less(width: int, multiplier: Decimal, divisor: int) -> None:
    wanted, got = width * multiplier, multiplied_width(width, float(str(multiplier)), divisor)
    if multiplier == 1:
        assert got == width
        return
    assert got % divisor == 0
    assert got >= Decimal("0.9") * wanted
    low, up = got - Decimal(divisor) / 2, got + Decimal(divisor) / 2
    nearest = low <= wanted < up or got == divisor >= wanted
    assert nearest or Decimal("0.9") * wanted > got - divisor  # or the nearest is a tenth less


@pytest.mark.parametrize(
    ("depth", "repeat", "copies"),
    [(1.12, 25, 28), (0.28, 25, 7), (0.56, 25, 14), (2.2, 25, 55), (2.24, 25, 56), (1.1, 10, 11), (1.1, 11, 13)],
)
def test_copies_are_as_many_as_the_decimals_give(depth: float, repeat: int, copies: int) -> None:
    text = f"""
        input: {{channels: 3, height: 4, width: 4}}
        classes: 5
        depth: {depth}
        layers:
          - {{name: a, type: identity, repeat: {repeat}}}
          - {{name: gap, type: global_avg_pool}}
          - {{name: flatten, type: flatten}}
          - {{name: fc, type: linear, out: 5}}
    """
    assert len(NetworkSpec.from_text(text).plan().layers[0].ops) == copies


@pytest.mark.parametrize(
    ("multiplier", "width", "divisor", "multiplied"),
    [(0.58, 25, 1, 15), (0.29, 50, 1, 15), (0.58, 200, 8, 120), (0.35, 16, 8, 8), (0.5, 20, 8, 16), (0.75, 24, 8, 24)],
)
def test_widths_are_as_the_decimals_give(multiplier: float, width: int, divisor: int, multiplied: int) -> None:
    assert multiplied_width(width, multiplier, divisor) == multiplied


@pytest.mark.parametrize("multiplier", ["0.25", "0.5", "1", "2.5"])
def test_defaults_that_are_computed_follow_multiplied_widths(multiplier: str) -> None:
    """And are not multiplied once more."""
    parameters = "{out: width, mid: {type: width, default: $out // 2}}"
    body = "[{type: conv, out: $mid, kernel: 1}, {type: conv, out: $out, kernel: 1}]"
    block = f"blocks: {{b: {{parameters: {parameters}, body: {body}}}}}"
    end = "{type: global_avg_pool}, {type: flatten}, {type: linear, out: 5}"
    top = f"input: {{channels: 3, height: 4, width: 4}}\nclasses: 5\nwidth: {multiplier}\n{block}\n"
    plan = NetworkSpec.from_text(f"{top}layers: [{{name: a, type: b, out: 32}}, {end}]").plan()
    out = multiplied_width(32, float(multiplier), 8)
    assert [op.output_shape[0] for op in plan.layers[0].ops if op.op.type == "convolution"] == [out // 2, out]


def test_the_expansion_of_a_narrow_mobilenet_is_still_six() -> None:
    """As in torchvision 0.28.0, whose `width_mult=0.5` leaves the last convolution and its classifier as they are."""
    text = "extends: mobilenet_v2_torchvision\nname: half\nwidth: 0.5\n"
    torchvision, unscaled = 1_968_680, 640 * (160 + 2 + 1000)
    assert NetworkSpec.from_text(text).plan().parameters == torchvision - unscaled
