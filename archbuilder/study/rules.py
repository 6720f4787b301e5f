"""One line of a space: which widths it allows around the width that the spec has, or which other choices."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from archbuilder.errors import Location, Problem
from archbuilder.primitives.fields import LARGEST_WIDTH
from archbuilder.spec.nodes import MappingNode, Node, SequenceNode, describe, location, plain
from archbuilder.spec.validation import locator, validate

Widths = range | tuple[int, ...]
"""Ascending and each once; a range where they are evenly spaced."""

_LARGEST_SCALE = 1000
_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True)


def _scale(value: Any) -> tuple[float, float]:
    pair = value if isinstance(value, list | tuple) else ()
    if len(pair) != 2 or not all(isinstance(item, int | float) and not isinstance(item, bool) for item in pair):
        raise PydanticCustomError("scale", "expected two numbers as [low, high], such as [0.25, 2.0]")
    if not 0 < pair[0] <= pair[1] <= _LARGEST_SCALE:
        raise PydanticCustomError("scale", f"expected low and high with 0 < low <= high <= {_LARGEST_SCALE}")
    return pair[0], pair[1]


def _choices(value: Any) -> tuple[int, ...] | tuple[str, ...]:
    items = value if isinstance(value, list | tuple) else ()
    words = tuple(item for item in items if isinstance(item, str))
    numbers = tuple(item for item in items if isinstance(item, int) and not isinstance(item, bool))
    if not items or len(items) not in {len(words), len(numbers)}:
        message = "expected a list of integers, such as [8, 16, 32], or of types, such as [inception, inception_bn]"
        raise PydanticCustomError("choices", message)
    if not all(0 <= item <= LARGEST_WIDTH for item in numbers):
        raise PydanticCustomError("choices", f"expected widths from 0, which removes a branch, to {LARGEST_WIDTH:,}")
    if len(set(items)) < len(items):
        twice = next(item for item in items if list(items).count(item) > 1)
        raise PydanticCustomError("choices", f"expected each choice once; {twice} occurs twice")
    return words or tuple(sorted(numbers))


class Scale(BaseModel):
    """A range around the spec's own width."""

    model_config = _CONFIG

    scale: Annotated[tuple[float, float], BeforeValidator(_scale)] = Field(
        description="The range of the width, as multiples of the baseline's: [0.25, 2.0]."
    )
    multiple_of: int = Field(1, ge=1, le=LARGEST_WIDTH, description="Every width is a multiple of this.")
    tie: bool = Field(False, description="Whether all widths of the line scale by a common factor.")

    def widths(self, width: int) -> Widths:
        """Give the multiples of `multiple_of` from `scale[0] * width` to `scale[1] * width`; 0 is none of them."""
        low, high = (Fraction(str(factor)) * width / self.multiple_of for factor in self.scale)
        step = self.multiple_of
        return range(max(1, ceil(low)) * step, floor(high) * step + 1, step)

    def arithmetic(self, width: int) -> str:
        """Format the range of a width and what it is a multiple of: `2.2 to 2.4, multiples of 4`."""
        low, high = (float(Fraction(str(factor)) * width) for factor in self.scale)
        return f"{width} gives {low:g} to {high:g}, multiples of {self.multiple_of}"


class Choices(BaseModel):
    """Values one by one, whatever the spec's own is. A width of 0 leaves out the branch it belongs to."""

    model_config = _CONFIG

    choices: Annotated[tuple[int, ...] | tuple[str, ...], BeforeValidator(_choices)] = Field(
        description="Widths, such as [0, 8, 16], where 0 removes the branch; or kernel sizes, repeats or types."
    )
    tie: bool = Field(False, description="Whether all that the line matches take the same choice.")

    @property
    def are_numbers(self) -> bool:
        """Whether these can be widths."""
        return isinstance(self.choices[0], int)

    def widths(self, width: int) -> Widths:
        """Give the choices, of numbers."""
        return evenly([int(choice) for choice in self.choices])

    def arithmetic(self, width: int) -> str:
        """Say the choices."""
        return widths_text(self.choices)


@dataclass(frozen=True)
class Line:
    """A line of a study's `space:`.

    Attributes:
        pattern: The names of the widths and other values that it is about.
        rule: Which widths they may have.
        where: The pattern's place in the file.
    """

    pattern: str
    rule: Scale | Choices
    where: Location

    @property
    def path(self) -> str:
        """The place by name."""
        return f"space.{self.pattern}"


def read_lines(space: Node, problems: list[Problem]) -> list[Line]:
    """Read the lines of a study's `space:` as far as they can be read; what is wrong is added to `problems`."""
    if not isinstance(space, MappingNode) or not space.entries:
        message = (
            f'found {describe(space)}, expected lines such as "inception*.3x3": {{scale: [0.5, 2], multiple_of: 4}}'
        )
        problems.append(Problem(message, location(space), "space"))
        return []
    lines = []
    for pattern, entry in space.entries.items():
        path, where = f"space.{pattern}", space.key_location(pattern)
        rule = _read_rule(entry.value, path, where)
        if isinstance(rule, list):
            problems += rule
        else:
            lines.append(Line(pattern, rule, where))
    return lines


def _read_rule(node: Node, path: str, where: Location) -> Scale | Choices | list[Problem]:
    if isinstance(node, SequenceNode):
        # The short form: a list is its choices. Errors point into the list itself.
        return validate(Choices, {"choices": plain(node)}, "choices", path, lambda *_: location(node))
    if not isinstance(node, MappingNode):
        message = f"found {describe(node)}, expected {{scale: [low, high], multiple_of: n}} or a list of choices"
        return [Problem(message, where if node.span.start == node.span.end else location(node), path)]
    model: type[Scale | Choices] = Choices if "choices" in node.entries else Scale
    return validate(model, plain(node), "choices" if model is Choices else "a scale", path, locator(node))


def evenly(numbers: Sequence[int]) -> Widths:
    """Give numbers as a range if they are several, ascending and evenly spaced."""
    steps = {after - before for before, after in pairwise(numbers)}
    if len(steps) == 1 and min(steps) > 0:
        return range(numbers[0], numbers[-1] + 1, steps.pop())
    return tuple(numbers)


def widths_text(widths: Sequence[int | str]) -> str:
    """Say widths or other choices: `4 to 32 by 4`, `8, 12 or 32`, `16`."""
    if isinstance(widths, range) and len(widths) > 2:
        return f"{widths[0]} to {widths[-1]} by {widths.step}"
    return " or ".join(filter(None, [", ".join(map(str, widths[:-1])), str(widths[-1])])) if widths else "none"
