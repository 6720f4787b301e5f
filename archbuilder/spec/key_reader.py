"""Read single keys of members: plain values, `$` values, conditions, names and numbers of repetitions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from archbuilder.errors import Problem
from archbuilder.spec.expression import Expression, ExpressionError, is_expression, parse_expression
from archbuilder.spec.nodes import MappingNode, Node, SequenceNode, location, plain

LARGEST_REPEAT = 10_000

INVALID = object()
"""The result of `read_value` for a value that cannot be parsed."""


def read_value(node: Node, path: str, problems: list[Problem]) -> Any:
    """Return a plain value with its `$` strings parsed, also in lists; `INVALID` if one cannot be parsed."""
    if isinstance(node, SequenceNode):
        items = [read_value(item, path, problems) for item in node.items]
        return INVALID if any(item is INVALID for item in items) else items
    value = plain(node)
    if not is_expression(value):
        return value
    try:
        return parse_expression(value)
    except ExpressionError as error:
        problems.append(Problem(str(error), location(node), path))
        return INVALID


_T = TypeVar("_T")


@dataclass(frozen=True)
class KeyReader:
    """Reads keys of a member, and adds a problem for a value of the wrong type."""

    node: MappingNode
    path: str
    problems: list[Problem]

    def __call__(self, key: str, convert: Callable[[Any], _T | None], expectation: str) -> _T | None:
        """Return the converted value of a key; None if it is missing or `convert` returns None, with a problem."""
        inner = self.node.get(key)
        if inner is None:
            return None
        value = read_value(inner, f"{self.path}.{key}", self.problems)
        if value is INVALID:
            return None
        result = convert(value)
        if result is None:
            self.problems.append(Problem(expectation, location(inner), f"{self.path}.{key}"))
        return result


def as_condition(value: Any) -> Expression | None:
    """Return a `$` value; None for anything else."""
    return value if isinstance(value, Expression) else None


def as_repeat(value: Any) -> int | Expression | None:
    """Return a number of repetitions or a `$` value; None for anything else."""
    if isinstance(value, Expression):
        return value
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_REPEAT else None


def as_names(value: Any) -> tuple[str, ...] | None:
    """Return a name or a list of names as a tuple; None for anything else."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return None
    return tuple(names)


def as_boolean(value: Any) -> bool | None:
    """Return a boolean; None for anything else."""
    return value if isinstance(value, bool) else None


def is_part(value: Any) -> bool:
    """Return whether a value is a number or size of parts: a positive integer or a `$` value."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return is_number or isinstance(value, Expression)
