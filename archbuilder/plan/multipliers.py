"""Widths and repeats times the multipliers of a file: exactly, as the decimals that are written there."""

from fractions import Fraction

from archbuilder.spec.expression import make_divisible


def multiplied_repeat(repeat: int, depth: float) -> int:
    """Multiply a repeat, rounded up: 25 times 1.12 is 28, though the floats' product is above it."""
    exact = _decimal(depth)
    return -(-repeat * exact.numerator // exact.denominator)


def multiplied_width(width: int, multiplier: float, divisor: int) -> int:
    """Multiply a width by the rule of `make_divisible`. A width of 0 stays 0."""
    return make_divisible(width * _decimal(multiplier), divisor) if multiplier != 1 and width else width


def _decimal(number: float) -> Fraction:
    """Return what was written, which is the shortest decimal that reads as the float."""
    return Fraction(repr(float(number)))
