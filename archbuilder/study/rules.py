"""One line of a space: which widths it allows around the baseline's, or which choices of any key."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from archbuilder.errors import Location, Problem
from archbuilder.primitives.fields import LARGEST_WIDTH
from archbuilder.spec.nodes import MappingNode, Node, SequenceNode, describe, location, plain
from archbuilder.spec.validation import locator, validate
from archbuilder.study.hyperparameters import Value, Widths, evenly, values_text

_LARGEST_SCALE = 1000
_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True)


def _scale(value: Any) -> tuple[float, float]:
    pair = value if isinstance(value, list | tuple) else ()
    if len(pair) != 2 or not all(isinstance(item, int | float) and not isinstance(item, bool) for item in pair):
        raise PydanticCustomError("scale", "expected two numbers as [low, high], such as [0.25, 2.0]")
    if not 0 < pair[0] <= pair[1] <= _LARGEST_SCALE:
        raise PydanticCustomError("scale", f"expected low and high with 0 < low <= high <= {_LARGEST_SCALE}")
    return pair[0], pair[1]


def _choices(value: Any) -> tuple[Value, ...]:
    items = value if isinstance(value, list | tuple) else ()
    kinds = {"number" if type(item) in {int, float} else type(item) for item in items}
    if len(kinds) != 1 or not kinds <= {"number", bool, str}:
        message = (
            "expected a list of integers, such as [8, 16, 32], or of types, such as [inception, inception_bn], or of "
            "what else the key takes, such as [relu, silu]"
        )
        raise PydanticCustomError("choices", message)
    if len(set(items)) < len(items):
        twice = next(item for item in items if list(items).count(item) > 1)
        raise PydanticCustomError("choices", f"expected each choice once; {twice} occurs twice")
    return tuple(sorted(items) if kinds == {"number"} else items)


class Scale(BaseModel):
    """A range around the baseline's width."""

    model_config = _CONFIG

    scale: Annotated[tuple[float, float], BeforeValidator(_scale)] = Field(
        description="The range of the width, as multiples of the baseline's: [0.25, 2.0]."
    )
    multiple_of: int = Field(1, ge=1, le=LARGEST_WIDTH, description="Every width is a multiple of this.")
    tie: bool = Field(False, description="Whether all widths of the line scale by a common factor.")

    def widths(self, width: int) -> Widths:
        """Return the multiples of `multiple_of` from `scale[0] * width` to `scale[1] * width`; 0 is none of them."""
        low, high = (Fraction(str(factor)) * width / self.multiple_of for factor in self.scale)
        step = self.multiple_of
        return range(max(1, ceil(low)) * step, floor(high) * step + 1, step)

    def arithmetic(self, width: int) -> str:
        """Format the range of a width and what it is a multiple of: `2.2 to 2.4, multiples of 4`."""
        low, high = (float(Fraction(str(factor)) * width) for factor in self.scale)
        return f"{width} gives {low:g} to {high:g}, multiples of {self.multiple_of}"


class Choices(BaseModel):
    """Values one by one, whatever the baseline's is. A width of 0 leaves out the branch it belongs to."""

    model_config = _CONFIG

    choices: Annotated[tuple[Value, ...], BeforeValidator(_choices)] = Field(
        description="Widths, such as [0, 8, 16], where 0 removes the branch; or values of any other key: kernel sizes, "
        "repeats, types, activations, integers of a block."
    )
    tie: bool = Field(False, description="Whether all that the line matches take the same choice.")

    def problem(self, name: str) -> str | None:
        """Return why these cannot be the widths `name`; None if they can."""
        for choice in self.choices:
            if not isinstance(choice, int) or isinstance(choice, bool):
                found = "types" if isinstance(choice, str) else values_text([choice])
                return f"found {found}, but {name} is a width: expected integers, such as [8, 16, 32]"
            if not 0 <= choice <= LARGEST_WIDTH:
                return f"found {choice}, expected widths from 0, which removes a branch, to {LARGEST_WIDTH:,}"
        return None

    def widths(self, width: int) -> Widths:
        """Return the choices, of integers."""
        return evenly([int(choice) for choice in self.choices])


@dataclass(frozen=True)
class Line:
    """A line of a study's `space:`: a pattern over names, which values these may have, and the pattern's place."""

    pattern: str
    rule: Scale | Choices
    where: Location

    def problem(self, message: str, *notes: str, related: tuple[Location, ...] = ()) -> Problem:
        """Return a problem of this line."""
        return Problem(message, self.where, f"space.{self.pattern}", notes, related=related)


def read_lines(space: Node, problems: list[Problem]) -> list[Line]:
    """Read the lines of a study's `space:` as far as they can be read; what is wrong is added to `problems`."""
    if not isinstance(space, MappingNode) or not space.entries:
        example = '"inception*.3x3": {scale: [0.5, 2], multiple_of: 4}'
        problems.append(Problem(f"found {describe(space)}, expected lines such as {example}", location(space), "space"))
        return []
    lines = []
    for pattern, entry in space.entries.items():
        where = space.key_location(pattern)
        rule = _read_rule(entry.value, f"space.{pattern}", where)
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
