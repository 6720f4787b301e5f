"""The types of the values that a primitive's keys take, each with its bounds."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

LARGEST_WIDTH = 1_000_000
LARGEST_EXTENT = 100_000

Width = Annotated[int, Field(ge=1, le=LARGEST_WIDTH)]
Probability = Annotated[float, Field(ge=0, lt=1)]

_TWO = Field(min_length=2, max_length=2)


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

    extent = Annotated[int, Field(ge=minimum, le=LARGEST_EXTENT)]
    return BeforeValidator(check, json_schema_input_type=extent | Annotated[list[extent], _TWO])


PositivePair = Annotated[tuple[int, int], _pair(1)]
NonNegativePair = Annotated[tuple[int, int], _pair(0)]


def _padding(value: Any) -> Any:
    """Accept `same`, one number, [height, width], or [[top, bottom], [left, right]]."""
    if value == "same":
        return value
    pair = (value, value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise PydanticCustomError("padding", _PADDING_FORMS)
    sides = [(side, side) if isinstance(side, int) and not isinstance(side, bool) else side for side in pair]
    for side in sides:
        if (
            not isinstance(side, list | tuple)
            or len(side) != 2
            or not all(isinstance(item, int) and not isinstance(item, bool) for item in side)
        ):
            raise PydanticCustomError("padding", _PADDING_FORMS)
        if not all(0 <= item <= LARGEST_EXTENT for item in side):
            raise PydanticCustomError("padding", f"expected 0 to {LARGEST_EXTENT:,}")
    return (tuple(sides[0]), tuple(sides[1]))


_PADDING_FORMS = "expected same, a whole number, two as [height, width], or [[top, bottom], [left, right]]"
Sides = tuple[tuple[int, int], tuple[int, int]]
_Zeros = Annotated[int, Field(ge=0, le=LARGEST_EXTENT)]
_PaddingAsWritten = Literal["same"] | _Zeros | Annotated[list[_Zeros | Annotated[list[_Zeros], _TWO]], _TWO]
Padding = Annotated[Literal["same"] | Sides, BeforeValidator(_padding, json_schema_input_type=_PaddingAsWritten)]
"""`same`, or what is added as ((top, bottom), (left, right))."""
