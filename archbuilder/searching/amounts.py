"""Numbers as people write them: `1.5M` is 1,500,000, and `60%` is a share of what there is."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

UNITS = {"k": 10**3, "M": 10**6, "G": 10**9}

_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(.*)")
_EXPECTED = "expected a whole number, or one with a unit: 300k, 1.5M or 2G"
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
    amount = int(Decimal(number) * UNITS.get(unit, 1))
    if amount < 1:
        raise PydanticCustomError("amount", "expected at least 1")
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


def parse_bound(value: Any) -> int | Share:
    """Read a bound that is a count or, as `60%`, a share of what the baseline has.

    Raises:
        PydanticCustomError: It is something else; the message says what was expected.
    """
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        if isinstance(value, str) and "%" in value:
            raise PydanticCustomError("share", "expected a share of the baseline such as 60%")
        return parse_amount(value)
    percent = Decimal(match[1])
    if not 0 < percent <= _MOST_PERCENT:
        raise PydanticCustomError("share", f"expected a share above 0% and at most {_MOST_PERCENT:,}%")
    return Share(percent)


Bound = Annotated[int | Share, BeforeValidator(parse_bound, json_schema_input_type=int | str)]
