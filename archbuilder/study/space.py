"""What may be tried: the values of each parameter."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Literal

import numpy as np

from archbuilder.errors import ArchbuilderError, Problem, SpecError
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.globs import GlobError, match_names
from archbuilder.plan.planner import try_plan
from archbuilder.study.budget import Cost, cost_of
from archbuilder.study.hyperparameters import ChoiceParameter, Hyperparameter, Value, Values, WidthParameter, tied_rows
from archbuilder.study.rules import Choices, Line, Scale, Widths, evenly, widths_text

ENUMERATED = 10_000
"""Up to how many candidates a space is gone through one by one, to know when it is exhausted."""
_SHOWN = 3  # names that a message lists
STRUCTURE = ("kernel", "repeat", "type")
"""What of any layer can be chosen beside its widths; of a block its integers can be, too."""


@dataclass(frozen=True)
class Space:
    """The hyperparameters of a search, at least one, in the order of the spec.

    Attributes:
        hyperparameters: Each with at least one value.
    """

    hyperparameters: tuple[Hyperparameter, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Hyperparameter]:
        """The hyperparameters by name."""
        return {parameter.name: parameter for parameter in self.hyperparameters}

    @cached_property
    def width_parameters(self) -> tuple[WidthParameter, ...]:
        """The hyperparameters that set widths."""
        return tuple(parameter for parameter in self.hyperparameters if isinstance(parameter, WidthParameter))

    @cached_property
    def choice_parameters(self) -> tuple[ChoiceParameter, ...]:
        """The hyperparameters that choose how the network is made."""
        return tuple(parameter for parameter in self.hyperparameters if isinstance(parameter, ChoiceParameter))

    @cached_property
    def width_names(self) -> tuple[str, ...]:
        """The searched widths, parameter by parameter."""
        return tuple(name for parameter in self.width_parameters for name in parameter.width_names)

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """The searched widths that have more than one value, parameter by parameter."""
        return tuple(
            name
            for parameter in self.width_parameters
            for name, column in zip(parameter.width_names, parameter.table.T, strict=True)
            if len(np.unique(column)) > 1
        )

    @cached_property
    def multiples(self) -> Mapping[str, int]:
        """What each searched width is a multiple of, by name."""
        return {name: parameter.multiple_of for parameter in self.width_parameters for name in parameter.width_names}

    @property
    def candidates(self) -> int:
        """How many candidates there are, exactly: those over a budget and those that are no network included."""
        return prod(len(parameter.values) for parameter in self.hyperparameters)

    def widths(self, values: Values) -> dict[str, int]:
        """Return the searched widths of a candidate by name."""
        return {
            name: int(width)
            for parameter in self.width_parameters
            for name, width in zip(
                parameter.width_names, parameter.table[parameter.position(values[parameter.name])], strict=True
            )
        }

    def structure(self, values: Values) -> dict[str, Value]:
        """Give what a candidate chooses beside widths, by path."""
        return {path: values[parameter.name] for parameter in self.choice_parameters for path in parameter.paths}

    def values_of(self, spec: NetworkSpec) -> dict[str, Value] | None:
        """Return the candidate that a spec with all of the widths is, or None if the space does not contain it."""
        values: dict[str, Value] = {}
        for parameter in self.hyperparameters:
            if isinstance(parameter, WidthParameter):
                found: Value | None = parameter.find(spec.widths)
            else:
                own = [spec.value(path) for path in parameter.paths]
                found = own[0] if all(value == own[0] for value in own) else None
            if found is None or found not in parameter.values:
                return None
            values[parameter.name] = found
        return values

    def describe(self) -> dict[str, str]:
        """Say the values of each in short: `4 to 32 by 4`, `8, 12 or 32`, `22 steps of 2 widths, 2 + 4 to 16 + 32`."""
        found = {}
        for parameter in self.hyperparameters:
            if isinstance(parameter, WidthParameter) and len(parameter.width_names) > 1:
                first, last = (" + ".join(map(str, parameter.table[row])) for row in (0, -1))
                found[parameter.name] = (
                    f"{len(parameter.values)} steps of {len(parameter.width_names)} widths, {first} to {last}"
                )
            else:
                found[parameter.name] = widths_text(parameter.values)
        return found

    def described(self) -> dict[str, str | dict[str, str]]:
        """Give each parameter's values in full; if it sets several things, of each of them, step by step."""
        found: dict[str, str | dict[str, str]] = {}
        for parameter in self.hyperparameters:
            if isinstance(parameter, WidthParameter):
                columns = [evenly([int(width) for width in column]) for column in parameter.table.T]
                parts = dict(zip(parameter.width_names, map(widths_text, columns), strict=True))
            else:
                parts = dict.fromkeys(parameter.paths, widths_text(parameter.values))
            found[parameter.name] = parts if len(parts) > 1 else next(iter(parts.values()))
        return found

    @property
    def is_enumerated(self) -> bool:
        """Whether there are so few candidates that they are gone through one by one."""
        return self.candidates <= ENUMERATED

    def shuffled(self, generator: np.random.Generator, draws: int) -> Iterator[dict[str, Value]]:
        """Give all candidates in a random order where they are few, else some that are drawn one by one.

        Args:
            generator: Draws.
            draws: How many are drawn, where they are not few: each value by itself and evenly.
        """
        names = [parameter.name for parameter in self.hyperparameters]
        if self.is_enumerated:
            everything = list(product(*(parameter.values for parameter in self.hyperparameters)))
            for number in generator.permutation(len(everything)):
                yield dict(zip(names, everything[int(number)], strict=True))
            return
        counts = [len(parameter.values) for parameter in self.hyperparameters]
        for _ in range(draws):
            numbers = generator.integers(counts)
            yield {
                parameter.name: parameter.values[int(number)]
                for parameter, number in zip(self.hyperparameters, numbers, strict=True)
            }

    def end(self, spec: NetworkSpec, end: Literal[0, -1], quantities: Container[str] = ()) -> Cost | None:
        """Return the cost of the candidate that has every width at its minimum, or at its maximum.

        No candidate costs less, or more, since with the shipped blocks every cost grows with every width. None where
        that cannot be relied on, as blocks of the spec's own may compute with their widths and other choices make other
        networks, and if it is no network: widths of 0 may leave nothing of a block, and widths that are added must be
        equal.

        Args:
            spec: The network that the space is around.
            end: 0 for the least, -1 for the most.
            quantities: What is bounded.
        """
        if spec.document.blocks or self.choice_parameters:
            return None
        widths = {
            name: int(width)
            for parameter in self.width_parameters
            for name, width in zip(parameter.width_names, parameter.table[end], strict=True)
        }
        plan = try_plan(spec.document, widths)[0]
        return None if plan is None else cost_of(plan, quantities)


def make_space(lines: list[Line], spec: NetworkSpec, problems: list[Problem]) -> Space | None:
    """Find out what a study's lines mean and which values each parameter may have.

    Where several lines match a width the last of them decides, as in a .gitignore: a line for many widths may be
    followed by exceptions. A line of which nothing is left is a mistake.

    Args:
        lines: The lines of the study's `space:`.
        spec: The network that the widths are around.
        problems: Where what is wrong is added.
    """
    plan = spec.plan()
    structure = _structure(spec)
    owners = _owners(lines, spec, structure, problems)
    hyperparameters: dict[str, Hyperparameter] = {}  # by the first name that each is about
    for line in lines:
        names = [name for name in [*plan.searchable_widths, *structure] if owners.get(name) is line]
        own = {name: plan.searchable_widths[name].value for name in names if name in plan.searchable_widths}
        paths = [name for name in names if name not in plan.searchable_widths]
        if own:
            hyperparameters |= {
                parameter.width_names[0]: parameter for parameter in _width_hyperparameters(line, own, problems)
            }
        if paths:
            hyperparameters |= {
                parameter.paths[0]: parameter for parameter in _choice_hyperparameters(line, paths, spec, problems)
            }
    ordered = [hyperparameters[name] for name in [*plan.searchable_widths, *structure] if name in hyperparameters]
    return Space(tuple(ordered)) if ordered and all(parameter.values for parameter in ordered) else None


def _structure(spec: NetworkSpec) -> list[str]:
    """Give the paths of what can be chosen beside widths."""
    found = []
    # A repeat of 0 leaves some out of the plan.
    written = [member.name for member in spec.document.layers if member.name]
    for layer in dict.fromkeys([*(layer.name for layer in spec.plan().layers), *written]):
        for key in [*STRUCTURE, *_integers(spec, layer)]:
            path = f"{layer}.{key}"
            try:
                value = spec.value(path)
            except ArchbuilderError:
                continue
            if isinstance(value, int | str) and path not in spec.widths:
                found.append(path)
    return found


def _integers(spec: NetworkSpec, layer: str) -> list[str]:
    """Give the keys of a layer that are integers of its block and no widths, such as an expansion or a depth."""
    try:
        block = spec.document.block(str(spec.value(f"{layer}.type")))
    except ArchbuilderError:  # a sequence or a fork has no type
        return []
    if block is None:
        return []
    declared = block.parameters.items()
    return [key for key, parameter in declared if parameter.type in {"integer", "size"} and key not in STRUCTURE]


def _width_hyperparameters(line: Line, own: Mapping[str, int], problems: list[Problem]) -> list[WidthParameter]:
    rule = line.rule
    if isinstance(rule, Choices) and not rule.are_numbers:
        message = f"found types, but {next(iter(own))} is a width: expected integers, such as [8, 16, 32]"
        problems.append(Problem(message, line.where, line.path))
        return []
    widths = {name: rule.widths(width) for name, width in own.items()}
    empty = [f"{name} ({rule.arithmetic(own[name])})" for name, allowed in widths.items() if not allowed]
    if empty:
        more = f" and {len(empty) - _SHOWN} more" if len(empty) > _SHOWN else ""
        message = f"leaves no width for {', '.join(empty[:_SHOWN])}{more}"
        problems.append(Problem(message, line.where, line.path, ("widths are multiples within the range",)))
        return []
    if rule.tie and len(own) > 1:
        return [_tied(line, own, widths)]
    return [WidthParameter(name, allowed, (name,), multiple_of=_multiple_of(line)) for name, allowed in widths.items()]


def _tied(line: Line, own: Mapping[str, int], widths: Mapping[str, Widths]) -> WidthParameter:
    names, allowed = tuple(own), list(widths.values())
    alike = all(some == allowed[0] for some in allowed) and len(set(own.values())) == 1
    if isinstance(line.rule, Choices) or alike:
        return WidthParameter(line.pattern, allowed[0], names, multiple_of=_multiple_of(line))
    rows = tied_rows(list(own.values()), allowed)
    return WidthParameter(line.pattern, range(len(rows)), names, rows, multiple_of=_multiple_of(line))


def _multiple_of(line: Line) -> int:
    return line.rule.multiple_of if isinstance(line.rule, Scale) else 1


def _choice_hyperparameters(
    line: Line, paths: list[str], spec: NetworkSpec, problems: list[Problem]
) -> list[ChoiceParameter]:
    rule = line.rule
    if isinstance(rule, Scale):
        message = f"found a scale, but {paths[0]} is not a width: expected choices, such as [1, 2, 3]"
        problems.append(Problem(message, line.where, line.path))
        return []
    wrong: dict[str, None] = {}
    for path in paths:
        for choice in rule.choices:
            try:
                spec.value(path)
                if isinstance(choice, str) != path.endswith(".type"):
                    expected = "types" if path.endswith(".type") else "integers"
                    wrong[f"{path} takes {expected}; found {choice}"] = None
                elif choice == 0 and path.endswith(".kernel"):
                    wrong[f"{path} is at least 1; found 0"] = None
            except ArchbuilderError as error:
                wrong[str(error).splitlines()[0]] = None
    is_tied = rule.tie and len(paths) > 1
    groups = [tuple(paths)] if is_tied else [(path,) for path in paths]
    if not wrong:
        wrong = {message: None for group in groups for message in _impossible(group, rule, spec)}
    problems += [Problem(message, line.where, line.path) for message in list(wrong)[:_SHOWN]]
    if wrong:
        return []
    return [ChoiceParameter(line.pattern if is_tied else group[0], rule.choices, group) for group in groups]


def _impossible(paths: tuple[str, ...], rule: Choices, spec: NetworkSpec) -> Iterator[str]:
    """Say which choices make no network of the spec as it is otherwise: every candidate with one would be lost."""
    for choice in rule.choices:
        try:
            spec.set(dict.fromkeys(paths, choice))
        except SpecError as error:
            reason = error.problems[0].message
            yield reason if paths[0] in reason else f"{paths[0]}: {choice} is not a valid network: {reason}"
        except ArchbuilderError as error:
            yield f"{paths[0]}: {choice} is not a valid network: {error}"


def _owners(lines: list[Line], spec: NetworkSpec, structure: Sequence[str], problems: list[Problem]) -> dict[str, Line]:
    """Return the line that decides about each width, and about each path that is no width."""
    plan = spec.plan()
    heads = {head.name for head in plan.heads}
    layer_widths = [name for name in plan.searchable_widths if name.partition(".")[0] not in heads]
    others = [name for name in plan.searchable_widths if name.partition(".")[0] in heads]
    owners: dict[str, Line] = {}
    claims: list[tuple[Line, tuple[str, ...]]] = []
    for line in lines:
        try:
            match = match_names(line.pattern, layer_widths, [*others, *structure])
        except GlobError as error:
            problems.append(Problem(f"cannot be read: {error}", line.where, line.path))
            continue
        for word, hint in match.idle:
            problems.append(Problem(f"{word!r} matches no width of {plan.name}{hint}", line.where, line.path))
        owners.update(dict.fromkeys(match.names, line))
        claims.append((line, match.names))
    for line, names in claims:
        if names and not any(owners[name] is line for name in names):
            problems.append(_overruled(line, owners[names[0]], names[0]))
    return owners


def _overruled(line: Line, by: Line, name: str) -> Problem:
    message = f"has no effect: line {by.where.line} matches {name} too, and the later line counts"
    note = "put general lines first and their exceptions after them"
    return Problem(message, line.where, line.path, (note,), related=(by.where,))
