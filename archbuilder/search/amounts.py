"""Numbers as people write them: `1.5M` is 1,500,000."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

UNITS = {"k": 10**3, "M": 10**6, "G": 10**9}

_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(.*)")
_EXPECTED = "expected a whole number, or one with a unit: 300k, 1.5M or 2G"


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


Amount = Annotated[int, BeforeValidator(parse_amount, json_schema_input_type=int | str)]
