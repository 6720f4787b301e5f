"""Multiply widths and repeats by the multipliers of a file, with exact decimal arithmetic."""

from fractions import Fraction

from archbuilder.spec.expression import make_divisible


def multiplied_repeat(repeat: int, depth: float) -> int:
    """Multiply a repeat and round up; 25 times 1.12 is 28, although the product of the floats is above 28."""
    exact = _decimal(depth)
    return -(-repeat * exact.numerator // exact.denominator)


def multiplied_width(width: int, multiplier: float, divisor: int) -> int:
    """Multiply a width by the rule of `make_divisible`. A width of 0 stays 0."""
    return make_divisible(width * _decimal(multiplier), divisor) if multiplier != 1 and width else width


def _decimal(number: float) -> Fraction:
    """Return the decimal that was written in the file: the shortest one that reads as the float."""
    return Fraction(repr(float(number)))
