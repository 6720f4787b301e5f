"""Numbers as people read them."""

_UNITS = ((10**3, "k", 1), (10**6, "M", 2), (10**9, "G", 3), (10**12, "T", 3))  # size, word, decimals


def short(value: float) -> str:
    """Write a count with its unit: 118.01 M, 1.583 G, 50.2 k, 950."""
    text, below = f"{value:,}", 0
    for size, unit, decimals in _UNITS:
        if round(1000 * value / size, below) < 1000:  # what would be written as 1000 is 1 of the next unit
            break
        text, below = f"{value / size:.{decimals}f} {unit}", decimals
    return text


def percent(part: float, whole: float) -> str:
    """Write a share: 7.5 %."""
    return f"{100 * part / whole:.1f} %" if whole else "—"


def relative(old: int, new: int) -> str:
    """Write a change as a share of what was: -37.6 %; nothing where there was nothing."""
    return f"{100 * (new - old) / old:+.1f} %" if old else ""


def plural(count: int, word: str) -> str:
    """Write a count with its word: `1 error`, `2 errors`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
