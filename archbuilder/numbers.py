"""Numbers for people: with unit prefixes, without exponents and negative zeros."""

from math import floor, isfinite, log10

_UNITS = (
    (10**3, "k", 1),
    (10**6, "M", 2),
    (10**9, "G", 3),
    (10**12, "T", 3),
    (10**15, "P", 3),
    (10**18, "E", 3),
)  # size, word, decimals
_PLAIN = 15


def short(value: float) -> str:
    """Format a count with its unit: 118.01 M, 1.583 G, 50.2 k, 950."""
    text, below = plain(value, 3) if isinstance(value, float) else f"{value:,}", 0
    for size, unit, decimals in _UNITS:
        if round(1000 * value / size, below) < 1000:  # what would be written as 1000 is 1 of the next unit
            break
        text, below = f"{value / size:,.{decimals}f} {unit}", decimals
    return text


def percent(part: float, whole: float) -> str:
    """Format a share: 7.5 %."""
    return f"{100 * part / whole:.1f} %" if whole else "—"


def relative(old: int, new: int) -> str:
    """Format a change relative to the old value: -37.6 %; empty if that is 0."""
    return f"{signed(100 * (new - old) / old)} %" if old else ""


def signed(value: float) -> str:
    """Format a difference with one decimal and its sign: `+0.8`, `-0.3`; `0.0` without a sign."""
    text = f"{value:+.1f}"
    return text if float(text) else "0.0"


def plain(value: float, digits: int) -> str:
    """Format a number with `digits` significant digits, without an exponent unless it is very large or very small.

    Args:
        value: The number.
        digits: How many digits are shown; whole numbers keep all of theirs.
    """
    if not value or not isfinite(value):
        return f"{value}" if value else "0"
    exponent = floor(log10(abs(value)))
    if not -_PLAIN < exponent < _PLAIN:
        return f"{value / 10.0**exponent:.{digits - 1}f} × 10{_superscript(exponent)}"
    text = f"{value:,.{max(0, digits - 1 - exponent)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rough(count: int) -> str:
    """Format the first two digits of a count that may be larger than any float: `3.1 × 10¹⁴`."""
    exponent = len(str(count)) - 1
    return f"{count // 10 ** (exponent - 1) / 10} × 10{_superscript(exponent)}"


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def plural(count: int, word: str, many: str | None = None) -> str:
    """Format a count with its word: `1 error`, `2 errors`; `many` is the plural if it does not end in `s`."""
    return f"{count:,} {word if count == 1 else many or f'{word}s'}"
