"""Numbers as people write them: `1.5M` is 1,500,000, `3ms` is 3,000 microseconds, `60%` is a share of what there is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic_core import PydanticCustomError

UNITS = {"k": 10**3, "M": 10**6, "G": 10**9}
DURATIONS = {"us": 1, "ms": 10**3, "s": 10**6}

_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(.*)")
_EXPECTED = "expected an integer, or a number with a unit: 300k, 1.5M or 2G"
_EXPECTED_DURATION = "expected a time with its unit: 800us, 3ms or 0.5s"
_SHARE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*%")
_MOST_PERCENT = 100_000


def parse_amount(value: Any) -> int:
    """Read a bound: a number of at least 1, plain or with the unit k, M or G.

    A fraction of one is dropped: a count of at most 2.5 is a count of at most 2.

    Raises:
        PydanticCustomError: It is something else; the message says what was expected.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise PydanticCustomError("amount", _EXPECTED)
    match = _AMOUNT.fullmatch(value.strip() if isinstance(value, str) else f"{value:f}")
    if match is None:
        raise PydanticCustomError("amount", _EXPECTED)
    number, unit = match[1], match[2]
    if unit and unit not in UNITS:
        near = next((f"; did you mean {number}{known}?" for known in UNITS if known.lower() == unit.lower()), "")
        raise PydanticCustomError("amount", f"expected the unit k, M or G (thousand, million, billion){near}")
    return _at_least_one(number, UNITS.get(unit, 1))


def parse_duration(value: Any) -> int:
    """Read a time of at least a microsecond, such as `3ms`; give it in microseconds.

    Raises:
        PydanticCustomError: It is something else; the message says what was expected.
    """
    match = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[2] not in DURATIONS:
        raise PydanticCustomError("duration", _EXPECTED_DURATION)
    return _at_least_one(match[1], DURATIONS[match[2]])


def _at_least_one(number: str, unit: int) -> int:
    amount = int(Decimal(number) * unit)
    if amount < 1:
        raise PydanticCustomError("amount", "expected at least 1; write a share of the baseline's as 50%")
    return amount


@dataclass(frozen=True)
class Share:
    """A share of something that is not known yet.

    Attributes:
        percent: Above 0; 60 for `60%`.
    """

    percent: Decimal

    def of(self, whole: int) -> int:
        """Give the share of a count; a fraction of one is dropped."""
        return int(self.percent * whole / 100)

    def __str__(self) -> str:
        return f"{self.percent.normalize():f}%"


def parse_share(value: Any, example: str = "60%") -> Share:
    """Read a share such as `60%`.

    Raises:
        PydanticCustomError: It is something else; the message says what was expected.
    """
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("share", f"expected a share such as {example}")
    percent = Decimal(match[1])
    if not 0 < percent <= _MOST_PERCENT:
        raise PydanticCustomError("share", f"expected a share above 0% and at most {_MOST_PERCENT:,}%")
    return Share(percent)


@dataclass(frozen=True)
class Goal:
    """What a quantity is to be: at most something, or almost exactly that.

    Attributes:
        amount: A count, or a share of what the baseline has.
        within: How far below the amount it may be; None for a bound, below which anything is.
    """

    amount: int | Share
    within: Share | None = None

    def __str__(self) -> str:
        return f"{self.amount}" + (f" within {self.within}" if self.within else "")


_TARGET = "expected a bound such as 1.5M or 60%, or a target such as {target: 60%, within: 1%}"
USUAL_WITHIN = Share(Decimal(1))


def parse_goal(value: Any, *, is_duration: bool = False) -> Goal:
    """Read a bound, or a target as `{target: 60%, within: 1%}`.

    Raises:
        PydanticCustomError: It is something else; the message says what was expected.
    """
    if isinstance(value, Goal):
        return value
    if isinstance(value, Mapping):
        unknown = [key for key in value if key not in {"target", "within"}]
        if "target" not in value or unknown:
            raise PydanticCustomError("target", _TARGET)
        within = value.get("within")
        share = USUAL_WITHIN if within is None else parse_share(within, "1%")
        if share.percent >= 100:
            raise PydanticCustomError("share", "expected within below 100%")
        return Goal(parse_goal(value["target"], is_duration=is_duration).amount, share)
    if isinstance(value, str) and "%" in value:
        if _SHARE.fullmatch(value.strip()) is None:
            raise PydanticCustomError("share", "expected a share of the baseline such as 60%")
        return Goal(parse_share(value))
    return Goal(parse_duration(value) if is_duration else parse_amount(value))
