"""The types of the values that a primitive's keys take, each with its bounds."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

LARGEST_WIDTH = 1_000_000
LARGEST_EXTENT = 100_000

Width = Annotated[int, Field(ge=1, le=LARGEST_WIDTH)]
Probability = Annotated[float, Field(ge=0, lt=1)]


def _pair(minimum: int) -> BeforeValidator:
    """Accept one whole number for both directions, or [height, width]."""

    def check(value: Any) -> tuple[int, int]:
        pair = (value, value) if isinstance(value, int) else value
        if (
            not isinstance(pair, list | tuple)
            or len(pair) != 2
            or not all(isinstance(item, int) and not isinstance(item, bool) for item in pair)
        ):
            raise PydanticCustomError("pair", "expected a whole number, or two as [height, width]")
        if not all(minimum <= item <= LARGEST_EXTENT for item in pair):
            raise PydanticCustomError("pair", f"expected {minimum} to {LARGEST_EXTENT:,}")
        return pair[0], pair[1]

    return BeforeValidator(check, json_schema_input_type=int | list[int])


PositivePair = Annotated[tuple[int, int], _pair(1)]
NonNegativePair = Annotated[tuple[int, int], _pair(0)]
