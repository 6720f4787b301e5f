"""The record of a planning: the atoms of its polynomials, and the conditions on which it depended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

Monomial = tuple[int, ...]
"""The sorted numbers of the multiplied atoms; empty for the constant 1."""

Terms = Mapping[Monomial, int]
"""A polynomial: the coefficient of each monomial."""


class Atom(NamedTuple):
    """A variable of polynomials.

    Attributes:
        kind: `width`, `present` (1 where its operand is not 0, else 0), `quotient`, `remainder` or `function`.
        operands: The polynomials that it is computed from.
        what: The name of a searchable width; a function of one integer.
        value: Its value at the traced widths.
    """

    kind: str
    operands: tuple[Terms, ...]
    what: Any
    value: int


class Guard(NamedTuple):
    """A condition that planning depended on: whether a polynomial is below zero, or is zero.

    Attributes:
        terms: The polynomial.
        relation: `<` or `==`.
        outcome: Whether the condition held at the traced widths.
        required: Whether the network is invalid if this guard fails and all guards that are not required hold.
    """

    terms: Terms
    relation: str
    outcome: bool
    required: bool = False


NEVER_NEGATIVE = ("width", "present", "function")
"""Kinds of atoms that are at least 0; a function maps a width to a width."""


class Trace:
    """The atoms and the guards of one planning.

    Attributes:
        atoms: The atoms; each is made of earlier ones.
        guards: The guards, each once.
    """

    def __init__(self) -> None:
        self.atoms: list[Atom] = []
        self.guards: dict[tuple[Any, ...], Guard] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._requiring = False
        self._presence: dict[int, int] = {}  # the atom that is 1 where another is not 0

    def atom(self, kind: str, operands: tuple[Terms, ...], value: int, what: Any = None) -> int:
        """Return the number of an atom; the same one has one number."""
        key = (kind, *(tuple(sorted(terms.items())) for terms in operands), what)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.atoms)
            self.atoms.append(Atom(kind, operands, what, value))
        return number

    def presence(self, terms: Terms) -> Monomial:
        """Return the product of atoms that is 1 where a polynomial is not 0, and 0 where it is."""
        if len(terms) > 1:
            return (self.atom("present", (terms,), int(self.value(terms) != 0)),)
        (monomial,) = terms
        return tuple(sorted({self._presence_of(number) for number in monomial}))

    def _presence_of(self, number: int) -> int:
        """Return the number of the atom that is 1 where an atom is not 0, and 0 where it is."""
        if self.atoms[number].kind == "present":
            return number
        if number not in self._presence:
            present = int(self.atoms[number].value != 0)
            self._presence[number] = self.atom("present", ({(number,): 1},), present)
        return self._presence[number]

    def value(self, terms: Terms) -> int:
        """Evaluate a polynomial at the traced widths."""
        return sum(factor * prod(self.atoms[number].value for number in monomial) for monomial, factor in terms.items())

    def width_name(self, terms: Terms) -> str | None:
        """Return the name of the searchable width that a polynomial is, also if it is multiplied or may be masked."""
        if list(terms.values()) != [1]:
            return None
        atoms = [self.atoms[number] for number in next(iter(terms))]
        factors = [atom for atom in atoms if atom.kind != "present"]
        if len(factors) != 1 or factors[0].kind not in ("width", "function"):
            return None
        return str(factors[0].what) if factors[0].kind == "width" else self.width_name(factors[0].operands[0])

    def product(self, first: Monomial, second: Monomial) -> Monomial:
        """Multiply monomials; a `present` atom is dropped if its operand is a factor."""
        factors = sorted((*first, *second))
        present = [number for number in factors if self.atoms[number].kind == "present"]
        if not present:
            return tuple(factors)
        absorbed = {self._presence.get(number) for number in factors}
        presences = [number for number in dict.fromkeys(present) if number not in absorbed]
        return tuple(sorted([*(number for number in factors if self.atoms[number].kind != "present"), *presences]))

    def guard(self, terms: Terms, relation: str, outcome: bool) -> bool:
        """Record the outcome of a condition, and return it."""
        key = (tuple(sorted(terms.items())), relation)
        known = self.guards.get(key)
        if known is None or known.required > self._requiring:
            self.guards[key] = Guard(terms, relation, outcome, self._requiring)
        return outcome

    @contextmanager
    def requiring(self) -> Iterator[None]:
        """Record conditions of the body as required: planning reports an error if one fails."""
        self._requiring = True
        try:
            yield
        finally:
            self._requiring = False


def without(terms: Terms, atoms: Set[int]) -> dict[Monomial, int]:
    """Return a polynomial with some atoms set to 1."""
    total: dict[Monomial, int] = {}
    for monomial, factor in terms.items():
        remaining = tuple(number for number in monomial if number not in atoms)
        total[remaining] = total.get(remaining, 0) + factor
    return {monomial: factor for monomial, factor in total.items() if factor}
