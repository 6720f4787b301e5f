"""Widths and repeats times the multipliers of a file: exactly, as the decimals that are written there."""

from fractions import Fraction


def multiplied_repeat(repeat: int, depth: float) -> int:
    """Multiply a repeat, rounded up: 25 times 1.12 is 28, though the floats' product is above it."""
    exact = _decimal(depth)
    return -(-repeat * exact.numerator // exact.denominator)


def multiplied_width(width: int, multiplier: float, divisor: int) -> int:
    """Multiply a width as MobileNets do: to a multiple of the divisor, never by more than a tenth less.

    The rule is that of tensorflow/models' slim `_make_divisible`: `floor(wanted / divisor + 1 / 2) * divisor`, at least
    the divisor, and one more of it where that is below `0.9 * wanted`. A width of 0 stays 0.
    """
    if multiplier == 1 or not width:
        return width
    exact = _decimal(multiplier)
    wanted, whole = width * exact.numerator, exact.denominator  # as many wholes are wanted
    rounded = max(divisor, (2 * wanted + divisor * whole) // (2 * divisor * whole) * divisor)
    return rounded if 10 * rounded * whole >= 9 * wanted else rounded + divisor


def _decimal(number: float) -> Fraction:
    """Return what was written, which is the shortest decimal that reads as the float."""
    return Fraction(repr(float(number)))
