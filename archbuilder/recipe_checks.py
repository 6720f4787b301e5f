"""Types of training settings that are lists, and checks of settings that exclude each other."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

BALANCED = "balanced"
"""Class weights by the inverse of the frequency of each class."""

_EXCLUDED: Mapping[str, tuple[str, str]] = {
    "resized_crop": ("crop", "both crop at random"),
    "auto_augment": ("color_jitter", "auto_augment changes colors itself"),
    "random_erasing": ("cutout", "both erase a part of the image"),
}


def numbers_of(value: Any) -> Any:
    """Return a list of numbers, one for each channel, as a list; None stays.

    Raises:
        PydanticCustomError: It is empty, or something else.
    """
    if value is None:
        return None
    if not _are_numbers(value) or not value:
        raise PydanticCustomError("numbers", "expected a list of numbers, one for each channel")
    return list(value)


def weights_of(value: Any) -> Any:
    """Return weights of classes as a list; None and `balanced` stay.

    Raises:
        PydanticCustomError: It is something else, or a weight is not positive.
    """
    if value is None or value == BALANCED:
        return value
    if not _are_numbers(value) or len(value) < 2 or min(value) <= 0:
        raise PydanticCustomError("weights", "expected balanced, or a list of positive numbers, one for each class")
    return list(value)


def jitter_of(value: Any) -> Any:
    """Return a color jitter: a number, or a list of three or four.

    Raises:
        PydanticCustomError: It is something else, or a number is not within its bounds.
    """
    numbers = value if isinstance(value, list | tuple) else [value, value, value]
    in_bounds = _are_numbers(numbers) and all(0 <= number <= 1 for number in numbers)
    if not in_bounds or len(numbers) not in (3, 4) or (len(numbers) == 4 and numbers[3] > 0.5):
        what = "a number from 0 to 1, or a list of three for brightness, contrast and saturation, or of four with the "
        raise PydanticCustomError("jitter", f"expected {what}hue, up to 0.5")
    return list(value) if isinstance(value, list | tuple) else float(value)


def frozen(value: Any) -> Any:
    """Return a list as a tuple, so that settings can be compared and hashed; anything else stays."""
    return tuple(value) if isinstance(value, list) else value


def numbers_text(value: Any) -> str:
    """Format a number, a list of numbers, or a string."""
    return ", ".join(map(numbers_text, value)) if isinstance(value, tuple) else str(value).removesuffix(".0")


def _are_numbers(value: Any) -> bool:
    """Return whether a value is a list of finite numbers."""
    if not isinstance(value, list | tuple):
        return False
    return all(isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in value)


_Share = Annotated[float, Field(ge=0, le=1)]
_Positive = Annotated[float, Field(gt=0)]
_Frozen = AfterValidator(frozen)

ColorJitter = Annotated[
    _Share | Annotated[Sequence[_Share], Field(min_length=3, max_length=4)], BeforeValidator(jitter_of), _Frozen
]
"""A number, or a list of three or four."""
ClassWeights = Annotated[
    Literal["balanced"] | Annotated[Sequence[_Positive], Field(min_length=2)] | None,
    BeforeValidator(weights_of),
    _Frozen,
]
"""A weight for each class, `balanced`, or none."""
ChannelMeans = Annotated[Annotated[Sequence[float], Field(min_length=1)] | None, BeforeValidator(numbers_of), _Frozen]
"""A number for each channel, or none."""
ChannelDeviations = Annotated[
    Annotated[Sequence[_Positive], Field(min_length=1)] | None, BeforeValidator(numbers_of), _Frozen
]
"""A positive number for each channel, or none."""


def check_combination(value: Any, info: ValidationInfo) -> Any:
    """Check a setting beside those before it.

    Raises:
        PydanticCustomError: Together they make no sense.
    """
    name, others = str(info.field_name), info.data
    if name == "std":
        mean = others.get("mean")
        if (value is None) != (mean is None) and "mean" in others:
            given, absent = ("std", "mean") if mean is None else ("mean", "std")
            raise PydanticCustomError("std", f"expected {absent} beside {given}: a normalization needs both")
        if value is not None and mean is not None and len(value) != len(mean):
            message = "expected as many numbers as mean has: {count}"
            raise PydanticCustomError("std", message, {"count": len(mean)})
    elif name == "class_weights":
        if value == BALANCED and others.get("balanced_sampling"):
            message = "expected no balanced weights beside balanced_sampling: each alone makes classes count the same"
            raise PydanticCustomError("combination", message)
    elif value:
        other, reason = _EXCLUDED[name]
        if others.get(other):
            raise PydanticCustomError("combination", f"expected no {name} beside {other}: {reason}")
    return value
