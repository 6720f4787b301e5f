"""Integers that depend on searchable widths; the costs of a plan with them are polynomials of the widths.

A symbol is a polynomial over atoms. An atom is a searchable width, or something that is not a polynomial of widths: a
quotient, a remainder, or whether a width is not 0. Each symbol has a value at the traced widths, which decides every
condition while planning; the outcome is recorded as a guard. The traced costs hold for all widths that pass the guards.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

from archbuilder.plan.trace import NEVER_NEGATIVE, Monomial, Terms, Trace

_MOST_FACTORS = 24  # of a monomial
_MOST_TERMS = 100_000  # of a product, before equal ones are added up


class Symbol:
    """An integer that depends on searchable widths.

    Sums, differences and products are symbols too; a comparison returns a boolean and adds a guard. Any other operation
    uses the value at the traced widths, and adds a guard that the symbol has this value.

    Attributes:
        trace: The trace that contains its atoms.
        terms: The polynomial.
        value: Its value at the traced widths.
    """

    __slots__ = ("terms", "trace", "value")

    def __init__(self, trace: Trace, terms: Terms, value: int) -> None:
        self.trace = trace
        self.terms = terms
        self.value = value

    def fixed(self) -> int:
        """Return the value at the traced widths, and add a guard that the symbol has this value."""
        self.trace.guard(_plus(self.terms, {(): -self.value}, 1), "==", True)
        return self.value

    def present(self) -> Symbol:
        """Return 1 where this is not zero, and 0 where it is."""
        return Symbol(self.trace, {self.trace.presence(self.terms): 1}, int(self.value != 0))

    def mapped(self, function: Callable[[int], int]) -> Symbol:
        """Return the symbol of a function of it."""
        return _derived(self.trace, "function", (self.terms,), function(self.value), function)

    @property
    def never_negative(self) -> bool:
        """Whether it is a sum of products of widths with positive factors, which is never negative."""
        atoms = self.trace.atoms
        return all(
            factor > 0 and all(atoms[number].kind in NEVER_NEGATIVE for number in monomial)
            for monomial, factor in self.terms.items()
        )

    # -- arithmetic ------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        terms = terms_of(other)
        return NotImplemented if terms is None else _number(self.trace, _plus(self.terms, terms, 1))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        terms = terms_of(other)
        return NotImplemented if terms is None else _number(self.trace, _plus(self.terms, terms, -1))

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __neg__(self) -> Any:
        return _number(self.trace, {monomial: -factor for monomial, factor in self.terms.items()})

    def __mul__(self, other: Any) -> Any:
        terms = terms_of(other)
        if terms is None or self._grows_too_far(terms):
            return self.fixed() * fixed(other)
        product: dict[Monomial, int] = {}
        for first, a in self.terms.items():
            for second, b in terms.items():
                monomial = self.trace.product(first, second)
                product[monomial] = product.get(monomial, 0) + a * b
        return _number(self.trace, {monomial: factor for monomial, factor in product.items() if factor})

    __rmul__ = __mul__

    def _grows_too_far(self, terms: Terms) -> bool:
        """Return whether a product would have too many terms or factors; a small file may multiply many times."""
        degree = max(map(len, self.terms)) + max(map(len, terms), default=0)
        return degree > _MOST_FACTORS or len(self.terms) * len(terms) > _MOST_TERMS

    def __floordiv__(self, other: Any) -> Any:
        terms = terms_of(other)
        if not terms:  # a number with a point, or 0
            return self.fixed() // other
        if isinstance(other, Symbol):
            bool(other)  # to divide by 0 is refused
        if terms == self.terms:
            return 1
        divisor = terms.get(()) if len(terms) == 1 else None
        if divisor and not any(factor % divisor for factor in self.terms.values()):
            return _number(self.trace, {monomial: factor // divisor for monomial, factor in self.terms.items()})
        return _derived(self.trace, "quotient", (self.terms, terms), self.value // traced_value(other))

    def __rfloordiv__(self, other: Any) -> Any:
        bool(self)
        return _derived(self.trace, "quotient", (terms_of(other) or {}, self.terms), other // self.value)

    def __mod__(self, other: Any) -> Any:
        terms = terms_of(other)
        if not terms:
            return self.fixed() % other
        if isinstance(other, Symbol):
            bool(other)
        if terms == self.terms:
            return 0
        divisor = terms.get(()) if len(terms) == 1 else None
        if divisor and not any(factor % divisor for factor in self.terms.values()):
            return 0
        return _derived(self.trace, "remainder", (self.terms, terms), self.value % traced_value(other))

    def __rmod__(self, other: Any) -> Any:
        bool(self)
        return _derived(self.trace, "remainder", (terms_of(other) or {}, self.terms), other % self.value)

    def __truediv__(self, other: Any) -> Any:
        return self.fixed() / fixed(other)

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.fixed()

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    # -- conditions ------------------------------------------------------------------------------------------------

    def _compared(self, other: Any, relation: str) -> bool:
        """Return whether this is below another, or equal to it."""
        difference = self - other if terms_of(other) is not None else self.fixed() - other
        if isinstance(difference, Symbol):
            outcome = difference.value < 0 if relation == "<" else difference.value == 0
            return self.trace.guard(difference.terms, relation, outcome)
        return bool(difference < 0 if relation == "<" else difference == 0)

    def __lt__(self, other: Any) -> bool:
        return self._compared(other, "<")

    def __ge__(self, other: Any) -> bool:
        return not self._compared(other, "<")

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __le__(self, other: Any) -> bool:
        return self._compared(other + 1, "<") if terms_of(other) is not None else self.fixed() <= other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | float | Symbol) and self._compared(other, "==")

    def __bool__(self) -> bool:
        return not self._compared(0, "==")

    def __hash__(self) -> int:
        return hash(self.value)

    # -- as an ordinary number -------------------------------------------------------------------------------------

    def __index__(self) -> int:
        return self.fixed()

    __int__ = __index__
    __ceil__ = __index__
    __floor__ = __index__

    def __float__(self) -> float:
        return float(self.fixed())

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, specification: str) -> str:
        return format(self.value, specification)


Integral.register(Symbol)

Number = int | Symbol
"""An integer of a plan: a symbol where it depends on a traced width."""


def width_symbol(trace: Trace, name: str, width: int) -> Any:
    """Return the symbol of a searchable width."""
    return _derived(trace, "width", (), width, name)


def traced_value(number: Any) -> Any:
    """Return a symbol's value at the traced widths, without a guard; return anything else unchanged."""
    return number.value if isinstance(number, Symbol) else number


def fixed(number: Any) -> Any:
    """Return a symbol's value, with a guard that it has this value; return anything else unchanged."""
    return number.fixed() if isinstance(number, Symbol) else number


def mapped(number: Any, function: Callable[[int], int]) -> Any:
    """Apply a function to an integer, or to a symbol."""
    return number.mapped(function) if isinstance(number, Symbol) else function(number)


def width_name(number: Any) -> str | None:
    """Return the name of the searchable width that a number is, also if multiplied; None otherwise."""
    return number.trace.width_name(number.terms) if isinstance(number, Symbol) else None


def terms_of(number: Any) -> Any:
    """Return an integer, or a symbol, as a polynomial; None for anything else."""
    if isinstance(number, int):
        return {(): int(number)} if number else {}
    return number.terms if isinstance(number, Symbol) else None


def _plus(first: Terms, second: Terms, sign: int) -> dict[Monomial, int]:
    """Return the sum of polynomials, the second multiplied by `sign`."""
    total = dict(first)
    for monomial, factor in second.items():
        total[monomial] = total.get(monomial, 0) + sign * factor
        if not total[monomial]:
            del total[monomial]
    return total


def _number(trace: Trace, terms: Terms) -> Any:
    """Return a polynomial as a symbol, or as an integer if it contains no atom."""
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    return Symbol(trace, terms, trace.value(terms))


def _derived(trace: Trace, kind: str, operands: tuple[Terms, ...], value: int, what: Any = None) -> Symbol:
    """Return the symbol of an atom that is computed from polynomials."""
    return Symbol(trace, {(trace.atom(kind, operands, value, what),): 1}, value)
