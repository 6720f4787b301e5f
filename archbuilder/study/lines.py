"""The lines of a space: which widths and other keys each is about, and which values these may have."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from archbuilder.errors import ArchbuilderError, Location, Problem, SpecError
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.globs import GlobError, match_names
from archbuilder.plan.paths import Paths
from archbuilder.primitives.fields import LARGEST_WIDTH
from archbuilder.spec.nodes import MappingNode, Node, SequenceNode, describe, location, plain
from archbuilder.spec.validation import locator, validate
from archbuilder.study.hyperparameters import Hyperparameter, Value, Widths, evenly, tied_rows, values_text
from archbuilder.study.space import Space, settings_of

_LARGEST_SCALE = 1000
_SHOWN = 3  # names that a message lists
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

    def range_of(self, width: int) -> tuple[Fraction, Fraction]:
        """Return the least and the largest width, exactly."""
        return Fraction(str(self.scale[0])) * width, Fraction(str(self.scale[1])) * width

    def widths(self, width: int) -> Widths:
        """Return the multiples of `multiple_of` from `scale[0] * width` to `scale[1] * width`; 0 is none of them."""
        low, high = self.range_of(width)
        step = self.multiple_of
        return range(max(1, ceil(low / step)) * step, floor(high / step) * step + 1, step)


class Choices(BaseModel):
    """Values one by one, whatever the baseline's is. A width of 0 leaves out the branch it belongs to."""

    model_config = _CONFIG

    choices: Annotated[tuple[Value, ...], BeforeValidator(_choices)] = Field(
        description="Widths, such as [0, 8, 16], where 0 removes the branch; or values of any other key: kernel sizes, "
        "repeats, types, activations, integers of a block."
    )
    tie: bool = Field(False, description="Whether all that the line matches take the same choice.")

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


def make_space(lines: list[Line], spec: NetworkSpec, problems: list[Problem]) -> Space | None:
    """Make the space that the lines of a study mean.

    Where several lines match a name the last of them decides, as in a .gitignore: a line for many widths may be
    followed by exceptions. A line of which nothing is left is a mistake. What is wrong is added to `problems`.
    """
    keys = [path for path in Paths(spec.document).settable() if path not in spec.widths]
    owners = _owners(lines, spec, keys, problems)
    order = {name: number for number, name in enumerate([*spec.widths, *keys])}
    found: list[Hyperparameter] = []
    for line in lines:
        names = [name for name in order if owners.get(name) is line]
        widths = [name for name in names if name in spec.widths]
        try:
            found += _width_parameters(line, widths, spec) if widths else []
            found += _choice_parameters(line, names[len(widths) :], spec) if len(names) > len(widths) else []
        except SpecError as error:
            problems += error.problems
    found.sort(key=lambda parameter: order[parameter.names[0]])
    return Space(tuple(found)) if found else None


def _owners(lines: list[Line], spec: NetworkSpec, keys: Sequence[str], problems: list[Problem]) -> dict[str, Line]:
    """Return the line that decides about each width, and about each key that is no width."""
    heads = {head.name for head in spec.plan().heads}
    widths = [name for name in spec.widths if name.partition(".")[0] not in heads]
    others = [name for name in spec.widths if name.partition(".")[0] in heads]
    owners: dict[str, Line] = {}
    matched: list[tuple[Line, tuple[str, ...]]] = []
    for line in lines:
        try:
            match = match_names(line.pattern, widths, [*others, *keys])
        except GlobError as error:
            problems.append(line.problem(f"cannot be read: {error}"))
            continue
        problems += [line.problem(f"{word!r} matches no width of {spec.name}{hint}") for word, hint in match.idle]
        owners.update(dict.fromkeys(match.names, line))
        matched.append((line, match.names))
    for line, names in matched:
        if names and not any(owners[name] is line for name in names):
            by = owners[names[0]]
            message = f"has no effect: line {by.where.line} matches {names[0]} too, and the later line counts"
            note = "put general lines first and their exceptions after them"
            problems.append(line.problem(message, note, related=(by.where,)))
    return owners


def _width_parameters(line: Line, names: Sequence[str], spec: NetworkSpec) -> list[Hyperparameter]:
    """Return the hyperparameters of a line for some widths; raise a SpecError if it leaves one of them no value."""
    rule, own = line.rule, {name: spec.widths[name] for name in names}
    wrong = _no_widths(rule, own)
    if wrong:
        raise SpecError([line.problem(*wrong)])
    widths, multiple = [rule.widths(width) for width in own.values()], getattr(rule, "multiple_of", 1)
    if not rule.tie or len(names) == 1:
        pairs = zip(names, widths, strict=True)
        return [Hyperparameter(name, allowed, (name,), multiple_of=multiple) for name, allowed in pairs]
    if isinstance(rule, Choices) or len(set(own.values())) == 1:
        return [Hyperparameter(line.pattern, widths[0], tuple(names), multiple_of=multiple)]
    rows = tied_rows(list(own.values()), widths)
    return [Hyperparameter(line.pattern, range(len(rows)), tuple(names), tied=rows, multiple_of=multiple)]


def _no_widths(rule: Scale | Choices, own: Mapping[str, int]) -> list[str]:
    """Say why a rule has no value for one of some widths, with a note; nothing if it has."""
    if isinstance(rule, Choices):
        for choice in rule.choices:
            if not isinstance(choice, int) or isinstance(choice, bool):
                found = "types" if isinstance(choice, str) else values_text([choice])
                return [f"found {found}, but {next(iter(own))} is a width: expected integers, such as [8, 16, 32]"]
            if not 0 <= choice <= LARGEST_WIDTH:
                return [f"found {choice}, expected widths from 0, which removes a branch, to {LARGEST_WIDTH:,}"]
        return []
    shown = []
    for name, width in own.items():
        if not rule.widths(width):
            low, high = map(float, rule.range_of(width))
            shown.append(f"{name} ({width} gives {low:g} to {high:g}, multiples of {rule.multiple_of})")
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    message = f"leaves no width for {', '.join(shown[:_SHOWN])}{more}"
    return [message, "widths are multiples within the range"] if shown else []


def _choice_parameters(line: Line, paths: Sequence[str], spec: NetworkSpec) -> list[Hyperparameter]:
    """Return the hyperparameters of a line for keys that are no widths; raise a SpecError if one lacks a choice."""
    if isinstance(line.rule, Scale):
        message = f"found a scale, but {paths[0]} is not a width: expected choices, such as [1, 2, 3]"
        raise SpecError([line.problem(message)])
    choices, is_tied = line.rule.choices, line.rule.tie and len(paths) > 1
    groups = [tuple(paths)] if is_tied else [(path,) for path in paths]
    wrong = dict.fromkeys(_invalid(choices, groups, spec))
    if wrong:
        raise SpecError([line.problem(message) for message in list(wrong)[:_SHOWN]])
    return [Hyperparameter(line.pattern if is_tied else names[0], choices, names, is_width=False) for names in groups]


def _invalid(choices: Sequence[Value], groups: Sequence[tuple[str, ...]], spec: NetworkSpec) -> Iterator[str]:
    """Say which choices make no network of the spec as it is otherwise, alone or together: each would be lost."""
    baseline = settings_of(spec, [path for paths in groups for path in paths])
    for choice in choices:
        together = tuple(path for paths in groups for path in paths if baseline.get(path) != choice)
        if _reason(spec, together, choice) is None:
            continue
        for paths in groups:
            reason = _reason(spec, paths, choice)
            if reason is not None:
                about = f"{paths[0]}: {values_text([choice])} is not a valid network: "
                yield reason if paths[0] in reason else about + reason


def _reason(spec: NetworkSpec, paths: tuple[str, ...], choice: Value) -> str | None:
    """Say why a spec is invalid with a choice; None if it is not."""
    try:
        spec.set(dict.fromkeys(paths, choice))
    except SpecError as error:
        return error.problems[0].message
    except ArchbuilderError as error:
        return str(error)
    return None
