"""The types of the keys of primitives, with their bounds."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

LARGEST_WIDTH = 1_000_000
LARGEST_EXTENT = 100_000

Width = Annotated[int, Field(ge=1, le=LARGEST_WIDTH)]
Probability = Annotated[float, Field(ge=0, lt=1)]

_TWO = Field(min_length=2, max_length=2)


def _pair(minimum: int) -> BeforeValidator:
    """Accept an integer for both directions, or [height, width]."""
    extent = Annotated[int, Field(ge=minimum, le=LARGEST_EXTENT)]
    return BeforeValidator(
        lambda value: _checked_pair(minimum, value), json_schema_input_type=extent | Annotated[list[extent], _TWO]
    )


def _checked_pair(minimum: int, value: Any) -> tuple[int, int]:
    """Return (height, width) from an integer or a pair; raise an error for anything else."""
    if type(value) is int and minimum <= value <= LARGEST_EXTENT:  # most are
        return value, value
    pair = (value, value) if isinstance(value, int) else value
    if (
        not isinstance(pair, list | tuple)
        or len(pair) != 2
        or not all(isinstance(item, int) and not isinstance(item, bool) for item in pair)
    ):
        raise PydanticCustomError("pair", "expected an integer, or two as [height, width]")
    if not all(minimum <= item <= LARGEST_EXTENT for item in pair):
        raise PydanticCustomError("pair", f"expected {minimum} to {LARGEST_EXTENT:,}")
    return pair[0], pair[1]


PositivePair = Annotated[tuple[int, int], _pair(1)]
NonNegativePair = Annotated[tuple[int, int], _pair(0)]


def _padding(value: Any) -> Any:
    """Accept `same`, `half`, an integer, [height, width], or [[top, bottom], [left, right]]."""
    if value in ("same", "half"):
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


_PADDING_FORMS = "expected same, half, an integer, two as [height, width], or [[top, bottom], [left, right]]"
Sides = tuple[tuple[int, int], tuple[int, int]]
_Zeros = Annotated[int, Field(ge=0, le=LARGEST_EXTENT)]
_PaddingAsWritten = Literal["same", "half"] | _Zeros | Annotated[list[_Zeros | Annotated[list[_Zeros], _TWO]], _TWO]
Padding = Annotated[
    Literal["same", "half"] | Sides, BeforeValidator(_padding, json_schema_input_type=_PaddingAsWritten)
]
"""`same`, `half`, or the padding as ((top, bottom), (left, right))."""


def _pool_padding(value: Any) -> Any:
    """Accept `same`, `half`, an integer for both directions, or [height, width]."""
    try:
        return value if value in ("same", "half") else _checked_pair(0, value)
    except PydanticCustomError:
        if isinstance(value, str):
            raise PydanticCustomError("padding", "expected same, half, an integer, or two as [height, width]") from None
        raise


PoolPadding = Annotated[
    Literal["same", "half"] | tuple[int, int],
    BeforeValidator(
        _pool_padding, json_schema_input_type=Literal["same", "half"] | _Zeros | Annotated[list[_Zeros], _TWO]
    ),
]
"""`same`, `half`, or the padding on each side in each direction."""
