"""Amounts as people write them: `1.5M` is 1,500,000, `3ms` is 3,000 microseconds, `60%` is a share of the baseline."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic_core import PydanticCustomError

COUNTS = {"k": 10**3, "M": 10**6, "G": 10**9}
TIMES = {"us": 1, "ms": 10**3, "s": 10**6}

_NUMBER, _PERCENT = r"[0-9]{1,15}(?:\.[0-9]{1,15})?", r"[0-9]{1,6}(?:\.[0-9]{1,6})?"
_AMOUNT, _SHARE = re.compile(rf"({_NUMBER})\s*(.*)"), re.compile(rf"({_PERCENT})\s*%")
_LARGEST_PERCENT = 100_000


def parse_amount(value: Any, *, is_time: bool = False) -> int:
    """Read an amount of at least 1: a number with or without the unit k, M or G; or a time, which needs its unit.

    A fraction of one is dropped: a count of at most 2.5 is a count of at most 2.

    Returns:
        The count, or the time in microseconds.

    Raises:
        PydanticCustomError: It is something else; the message says what was expected.
    """
    units = TIMES if is_time else COUNTS
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and not is_time
    match = _AMOUNT.fullmatch(value.strip() if isinstance(value, str) else f"{value:f}" if is_number else "")
    if is_time and (match is None or match[2] not in units):
        raise PydanticCustomError("amount", "expected a time with its unit: 800us, 3ms or 0.5s")
    if match is None:
        raise PydanticCustomError("amount", "expected an integer, or a number with a unit: 300k, 1.5M or 2G")
    number, unit = match[1], match[2]
    if unit and unit not in units:
        near = next((f"; did you mean {number}{known}?" for known in units if known.lower() == unit.lower()), "")
        raise PydanticCustomError("amount", f"expected the unit k, M or G (thousand, million, billion){near}")
    amount = int(Decimal(number) * units.get(unit, 1))
    if amount < 1:
        raise PydanticCustomError("amount", "expected at least 1; write a share of the baseline's as 50%")
    return amount


@dataclass(frozen=True)
class Share:
    """A share of a count that is not known yet; 60 percent for `60%`."""

    percent: Decimal

    def of(self, whole: int) -> int:
        """Return the share of a count; a fraction of one is dropped."""
        return int(self.percent * whole / 100)

    def __str__(self) -> str:
        return f"{self.percent.normalize():f}%"


def parse_share(value: Any, expected: str = "a share such as 60%") -> Share:
    """Read a share such as `60%`; raise a PydanticCustomError that says what was expected."""
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("share", f"expected {expected}")
    percent = Decimal(match[1])
    if not 0 < percent <= _LARGEST_PERCENT:
        raise PydanticCustomError("share", f"expected a share above 0% and at most {_LARGEST_PERCENT:,}%")
    return Share(percent)


def parse_within(value: Any, usual: str) -> Share:
    """Read how far below a target an amount may be, `usual` if None; raise a PydanticCustomError as `parse_share`."""
    share = parse_share(usual if value is None else value, f"a share such as {usual}")
    if share.percent >= 100:
        raise PydanticCustomError("share", "expected within below 100%")
    return share


@dataclass(frozen=True)
class Goal:
    """A bound of a quantity, as a count or a share of the baseline's; or a target, and how far below it may be."""

    amount: int | Share
    within: Share | None = None

    def __str__(self) -> str:
        return f"{self.amount}" + (f" within {self.within}" if self.within else "")


def parse_goal(value: Any, *, is_time: bool = False) -> Goal:
    """Read a bound, or a target as `{target: 60%, within: 1%}`; raise a PydanticCustomError as `parse_amount`."""
    if isinstance(value, Goal):
        return value
    if isinstance(value, Mapping):
        if "target" not in value or not value.keys() <= {"target", "within"}:
            message = "expected a bound such as 1.5M or 60%, or a target such as {target: 60%, within: 1%}"
            raise PydanticCustomError("target", message)
        within = parse_within(value.get("within"), "1%")
        return Goal(parse_goal(value["target"], is_time=is_time).amount, within)
    if isinstance(value, str) and "%" in value:
        return Goal(parse_share(value, "a share of the baseline such as 60%"))
    return Goal(parse_amount(value, is_time=is_time))


def amount_schema(*, is_time: bool) -> dict[str, Any]:
    """Return the JSON Schema of an amount or a share."""
    units = "|".join(TIMES) if is_time else f"[{''.join(COUNTS)}]?"
    written = {"type": "string", "pattern": rf"^\s*({_NUMBER}\s*({units})|{_PERCENT}\s*%)\s*$"}
    return {"anyOf": [written] if is_time else [{"type": "number", "minimum": 1}, written]}


def within_schema(usual: str) -> dict[str, Any]:
    """Return the JSON Schema of how far below a target an amount may be."""
    share = {"type": "string", "pattern": rf"^\s*{_PERCENT}\s*%\s*$"}
    return {"anyOf": [share, {"type": "null"}], "description": f"The tolerance below, such as {usual}."}


def goal_schema(*, is_time: bool) -> dict[str, Any]:
    """Return the JSON Schema of a bound or a target."""
    amount = amount_schema(is_time=is_time)
    keys = {"target": amount | {"description": "The target of every candidate."}, "within": within_schema("1%")}
    target = {"type": "object", "properties": keys, "required": ["target"], "additionalProperties": False}
    return {"anyOf": [amount, target, {"type": "null"}]}
