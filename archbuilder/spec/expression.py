"""The small language of `$` values: arithmetic over a block's parameters, never `eval`."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from numbers import Real
from typing import Any

from archbuilder.errors import ArchbuilderError, did_you_mean

_TOKEN = re.compile(
    r"\s*(?:(?P<name>\$\w+)|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<word>[A-Za-z_]\w*)|(?P<sign>//|[=!<>]=|[-+*/%<>(),]))"
)
_LONGEST = 200
_MOST_NAMED = 30
_LARGEST = 10**15

_LOGICAL = {"or": 1, "and": 2}  # the right side is evaluated only if it decides the result, as in Python
_BINARY: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {
    "==": (3, lambda a, b: a == b),
    "!=": (3, lambda a, b: a != b),
    "<": (3, lambda a, b: a < b),
    "<=": (3, lambda a, b: a <= b),
    ">": (3, lambda a, b: a > b),
    ">=": (3, lambda a, b: a >= b),
    "+": (4, lambda a, b: a + b),
    "-": (4, lambda a, b: a - b),
    "*": (5, lambda a, b: a * b),
    "/": (5, lambda a, b: a / b),
    "//": (5, lambda a, b: a // b),
    "%": (5, lambda a, b: a % b),
}
_ANY_VALUE = {"==", "!="}  # the others only take numbers


def make_divisible(value: float | Fraction, divisor: int) -> int:
    """Round to the nearest multiple of a divisor that is positive and at least 90 % of the value.

    This is the rule of MobileNet's code for multiplied widths (Sandler et al., 2018, arXiv:1801.04381).
    """
    nearest = max(divisor, int(value + Fraction(divisor, 2)) // divisor * divisor)
    return nearest if nearest * 10 >= 9 * value else nearest + divisor


def _divisible(value: Any, divisor: Any) -> Any:
    if not isinstance(divisor, int) or divisor < 1:
        raise ExpressionError(f"make_divisible takes a divisor of at least 1, not {divisor!r}")
    mapped = getattr(value, "mapped", None)  # of a width that is traced
    return mapped(lambda width: make_divisible(width, divisor)) if mapped else make_divisible(value, divisor)


def _rounded(value: Any) -> Any:
    return round(value) if isinstance(value, float) else value


_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "min": (2, 9, min),
    "max": (2, 9, max),
    "round": (1, 1, _rounded),
    "make_divisible": (2, 2, _divisible),
}
"""The functions by name: the minimum and maximum number of arguments, and the implementation."""


class ExpressionError(ArchbuilderError):
    """A `$` value that cannot be read or computed."""


class UnknownNameError(ExpressionError):
    """An unknown `$` name.

    Attributes:
        name: The name, without its `$`.
        known: The known names, likewise.
        is_near: Whether one of them is similar.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name, self.known = name, tuple(known)
        near = "; true and false have no $" if name in ("true", "false") else did_you_mean(name, self.known)
        self.is_near = bool(near)
        super().__init__(f"${name} is not known here{near}")

    @property
    def notes(self) -> tuple[str, ...]:
        """List the known names."""
        names = ", ".join(f"${name}" for name in self.known[:_MOST_NAMED])
        return (f"known here: {names}",) if names else ()


@dataclass(frozen=True)
class Expression:
    """A `$` value, parsed.

    Attributes:
        text: The value as written.
        names: The parameters it refers to, without their `$`.
        size: The number of its tokens.
        tree: Its syntax tree: tuples whose first item is `value`, `name`, `not`, `minus`, `call` or `binary`.
    """

    text: str
    names: tuple[str, ...]
    size: int
    tree: Any

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """Evaluate the expression.

        Raises:
            ExpressionError: A name is unknown, or an operation does not fit its values.
        """
        tree = self.tree
        if tree[0] == "name" and tree[1] in scope:  # the usual case
            return scope[tree[1]]
        return _evaluate(tree, scope, self.text)


def names_in(value: Any) -> tuple[str, ...]:
    """Return the `$` names in a value of a layer, or in the items of a list."""
    if isinstance(value, list):
        return tuple(name for item in value for name in names_in(item))
    return value.names if isinstance(value, Expression) else ()


def size_of(value: Any) -> int:
    """Count the tokens of a `$` value; any other value counts 1, a list 1 more than its items."""
    if isinstance(value, list):
        return 1 + sum(size_of(item) for item in value)
    return value.size if isinstance(value, Expression) else 1


def is_expression(value: object) -> bool:
    """Return whether a plain value of a file is a `$` value: a string with a `$` in it."""
    return isinstance(value, str) and "$" in value


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """Parse a `$` value, such as `$width // 4` or `$norm == batch_norm`.

    Names are written with a `$`. A bare word is a string; `true` and `false` are booleans, and `nothing` is the value
    of an omitted parameter.

    Raises:
        ExpressionError: The text is not an expression.
    """
    if len(text) > _LONGEST:
        raise ExpressionError(f"an expression of more than {_LONGEST} characters")
    tokens = list(_tokens(text))
    parser = _Parser(tokens, text)
    tree = parser.binary(0)
    if parser.position < len(tokens):
        joined = parser.position and tokens[parser.position][0] == "name"
        why = ": a $ value is arithmetic, and nothing can be joined to it" if joined else ""
        raise ExpressionError(f"{text!r}: did not expect {tokens[parser.position][1]!r}{why}")
    names = dict.fromkeys(value[1:] for kind, value in tokens if kind == "name")
    return Expression(text, tuple(names), len(tokens), tree)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each token of an expression."""
    position, stripped = 0, text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            raise ExpressionError(f"{text!r}: cannot read {stripped[position:].strip()[:20]!r}")
        assert match.lastgroup is not None
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


class _Parser:
    """Parses tokens by precedence climbing; a tree is a tuple whose first item is its kind."""

    def __init__(self, tokens: list[tuple[str, str]], text: str) -> None:
        self._tokens, self._text, self.position = tokens, text, 0

    def _next(self) -> tuple[str, str]:
        if self.position == len(self._tokens):
            raise ExpressionError(f"{self._text!r}: ends too early")
        self.position += 1
        return self._tokens[self.position - 1]

    def binary(self, weakest: int) -> Any:
        """Parse operations whose operators bind more strongly than `weakest`."""
        left = self.unary()
        while self.position < len(self._tokens):
            operator = self._tokens[self.position][1]
            strength = _LOGICAL.get(operator) or _BINARY.get(operator, (0, None))[0]
            if strength <= weakest:
                break
            self.position += 1
            left = ("binary", operator, left, self.binary(strength))
        return left

    def unary(self) -> Any:
        """Parse a name, a value, a call, a bracket, or what follows `-` or `not`."""
        kind, value = self._next()
        if kind == "name":
            return ("name", value[1:])
        if kind == "number":
            return ("value", float(value) if "." in value else int(value))
        if value == "not":
            return ("not", self.binary(2))
        if kind == "word" and self._peek() == "(":
            return self._call(value)
        if kind == "word" and value not in _LOGICAL:
            return ("value", {"true": True, "false": False, "nothing": None}.get(value, value))
        if value == "-":
            return ("minus", self.unary())
        if value == "(":
            inner = self.binary(0)
            if self._next()[1] != ")":
                raise ExpressionError(f"{self._text!r}: a bracket is not closed")
            return inner
        raise ExpressionError(f"{self._text!r}: did not expect {value!r}")

    def _peek(self) -> str:
        return self._tokens[self.position][1] if self.position < len(self._tokens) else ""

    def _call(self, function: str) -> Any:
        """Parse the arguments of a function."""
        if function not in _FUNCTIONS:
            near = did_you_mean(function, _FUNCTIONS) or f"; there are {', '.join(_FUNCTIONS)}"
            raise ExpressionError(f"{self._text!r}: there is no function {function!r}{near}")
        arguments: list[Any] = []
        while not arguments or self._peek() == ",":
            self.position += 1  # the bracket, or a comma
            arguments.append(self.binary(0))
        if self._next()[1] != ")":
            raise ExpressionError(f"{self._text!r}: a bracket is not closed")
        least, most, _ = _FUNCTIONS[function]
        if not least <= len(arguments) <= most:
            takes = f"{least}" if least == most else f"{least} to {most}"
            plural = "s" if takes != "1" else ""
            raise ExpressionError(f"{self._text!r}: {function} takes {takes} argument{plural}, not {len(arguments)}")
        return ("call", function, tuple(arguments))


def _evaluate(tree: Any, scope: Mapping[str, Any], text: str) -> Any:
    """Compute the value of a tree of the parser; `text` is the expression, for errors."""
    kind = tree[0]
    if kind == "value":
        return tree[1]
    if kind == "name":
        if tree[1] not in scope:
            raise UnknownNameError(tree[1], scope)
        return scope[tree[1]]
    if kind == "not":
        return not _evaluate(tree[1], scope, text)
    if kind == "minus":
        return -_number(_evaluate(tree[1], scope, text), "-", text)
    if kind == "call":
        values = [_number(_evaluate(argument, scope, text), tree[1], text) for argument in tree[2]]
        return _bounded(_FUNCTIONS[tree[1]][2](*values), text)
    _, operator, left, right = tree
    if operator in _LOGICAL:
        value = _evaluate(left, scope, text)
        return _evaluate(right, scope, text) if bool(value) is (operator == "and") else value
    a, b = _evaluate(left, scope, text), _evaluate(right, scope, text)
    if operator not in _ANY_VALUE:
        a, b = _number(a, operator, text), _number(b, operator, text)
    try:
        result: Any = _BINARY[operator][1](a, b)
    except ZeroDivisionError:
        raise ExpressionError(f"{text!r}: divides by zero") from None
    return _bounded(result, text)


def _bounded(result: Any, text: str) -> Any:
    is_number = isinstance(result, Real)
    if is_number and not -_LARGEST <= result <= _LARGEST:
        raise ExpressionError(f"{text!r}: the result is too large")
    return result


def _number(value: Any, operator: str, text: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ExpressionError(f"{text!r}: {operator} takes numbers, not {repr(value)[:80]}")
    return value
