"""Polynomials over sites, worked out for many candidates at once."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archbuilder.errors import ArchbuilderError
from archbuilder.plan.symbols import NEVER_NEGATIVE, Atom, Guard, Terms, Trace

_EXACT = 2.0**53  # whole numbers below it are exact as floats, in which matrices are multiplied faster
_LARGEST = 2.0**63
_SLACK = 1 - 1e-9  # of an estimate in floats

Columns = NDArray[np.int64]
"""One row for each atom, one column for each candidate."""

Held = NDArray[np.bool_]
"""One truth value for each candidate."""


class OverflowingError(ArchbuilderError):
    """A count is more than 64 bits hold: an error, never another number.

    Attributes:
        candidate: The position of the first candidate that it is too much of.
    """

    def __init__(self, candidate: int) -> None:
        super().__init__(f"candidate {candidate:,}: a count of it is 2**63 or more, which 64 bits do not hold")
        self.candidate = candidate


class Polynomials:
    """Polynomials over the same atoms."""

    def __init__(self, polynomials: Sequence[Terms], atoms: int) -> None:
        """Compile them.

        Args:
            polynomials: Each as the coefficients of its monomials.
            atoms: How many atoms there are.
        """
        monomials = {monomial: row for row, monomial in enumerate(dict.fromkeys(m for p in polynomials for m in p))}
        self._factors = np.zeros((len(polynomials), len(monomials)), dtype=np.int64)
        for row, terms in enumerate(polynomials):
            for monomial, factor in terms.items():
                if abs(factor) >= _LARGEST:
                    raise OverflowingError(0)
                self._factors[row, monomials[monomial]] = factor
        self._floats = self._factors.astype(np.float64)
        self._magnitudes = np.abs(self._floats)
        degree = max(1, *map(len, monomials))
        # The row behind the atoms is all ones: it fills up monomials of a lower degree.
        padded = np.full((len(monomials), degree), atoms, dtype=np.intp)
        for row, monomial in enumerate(monomials):
            padded[row, : len(monomial)] = monomial
        self._factored = [np.ascontiguousarray(padded[:, place]) for place in range(degree)]
        self._room: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._safe: Any = None  # values of the atoms up to which floats are exact

    def __call__(self, columns: Columns) -> NDArray[np.int64]:
        """Work them out.

        Args:
            columns: The values of the atoms, and a last row of ones.

        Returns:
            A row for each polynomial, a column for each candidate.

        Raises:
            OverflowingError: A value does not fit 64 bits.
        """
        largest = columns.max(axis=1)
        np.maximum(largest, -columns.min(axis=1), out=largest)
        if self._safe is not None and (largest <= self._safe).all():
            exact = True
        else:
            bound = (self._magnitudes @ self._products(largest[:, None].astype(np.float64))).max(initial=0)
            exact = bool(bound < _EXACT * _SLACK)
            if exact:
                self._safe = largest if self._safe is None else np.maximum(self._safe, largest)
                if (self._magnitudes @ self._products(self._safe[:, None].astype(np.float64))).max(initial=0) >= _EXACT:
                    self._safe = largest
            elif bound >= _LARGEST * _SLACK:
                self._check(columns)
        if exact:
            whole: Columns = (self._floats @ self._products(columns.astype(np.float64))).astype(np.int64)
            return whole
        values: NDArray[np.int64] = self._factors @ self._products(columns)
        return values

    def _products(self, columns: Any) -> Any:
        """Give the monomials, in arrays that are used again: fresh ones would take longer than the arithmetic."""
        key = (columns.dtype.str, columns.shape[1])
        if key not in self._room:
            shape = (len(self._factored[0]), columns.shape[1])
            self._room = {key: (np.empty(shape, columns.dtype), np.empty(shape, columns.dtype))}
        products, factors = self._room[key]
        np.take(columns, self._factored[0], axis=0, out=products, mode="clip")
        for rows in self._factored[1:]:
            np.take(columns, rows, axis=0, out=factors, mode="clip")
            np.multiply(products, factors, out=products)
        return products

    def _check(self, columns: Columns) -> None:
        estimates = (self._magnitudes @ self._products(np.abs(columns.astype(np.float64)))).max(axis=0)
        too_large = np.flatnonzero(estimates >= _LARGEST * _SLACK)
        if len(too_large):
            raise OverflowingError(int(too_large[0]))


class Atoms:
    """The atoms of a trace, worked out from the widths of candidates."""

    def __init__(self, trace: Trace, sites: Sequence[str]) -> None:
        """Compile them.

        Args:
            trace: The trace.
            sites: The names of the sites whose widths will be given, in their order.
        """
        self._atoms = list(enumerate(trace.atoms))
        columns = {name: column for column, name in enumerate(sites)}
        fixed = [(number, atom) for number, atom in self._atoms if atom.kind == "site" and atom.what not in columns]
        varied = [(number, columns[atom.what]) for number, atom in self._atoms if atom.what in columns]
        self._start = np.zeros((len(self._atoms) + 1, 1), dtype=np.int64)
        self._start[-1] = 1
        for number, atom in fixed:
            self._start[number] = atom.value
        self._rows = np.array([number for number, _ in varied], dtype=np.intp)
        self._columns = np.array([column for _, column in varied], dtype=np.intp)
        known = {number for number, atom in self._atoms if atom.kind == "site"}
        simple = [(n, _alone(atom)) for n, atom in self._atoms if atom.kind == "present" and _alone(atom) in known]
        self._present = np.array([number for number, _ in simple], dtype=np.intp)
        self._of = np.array([operand for _, operand in simple], dtype=np.intp)
        known |= {number for number, _ in simple}
        self._others = [
            (number, atom, [Polynomials([terms], len(self._atoms)) for terms in atom.operands])
            for number, atom in self._atoms
            if number not in known
        ]

    def __call__(self, widths: NDArray[np.int64]) -> Columns:
        """Work them out.

        Args:
            widths: A row for each candidate, a column for each site.

        Returns:
            A row for each atom and a last one of ones; a column for each candidate.
        """
        columns: Columns = np.repeat(self._start, len(widths), axis=1)
        columns[self._rows] = widths.T[self._columns]
        columns[self._present] = columns[self._of] != 0
        for number, atom, operands in self._others:
            columns[number] = _value(atom, [operand(columns)[0] for operand in operands])
        return columns


def _alone(atom: Atom) -> int | None:
    """Give the one atom that an atom is made of, if it is made of one alone."""
    terms = atom.operands[0]
    monomial = next(iter(terms))
    return monomial[0] if len(terms) == 1 and len(monomial) == 1 else None


def _value(atom: Atom, operands: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    if atom.kind == "present":
        present: NDArray[np.int64] = (operands[0] != 0).astype(np.int64)
        return present
    if atom.kind == "function":
        values, where = np.unique(operands[0], return_inverse=True)
        return np.array([atom.what(int(value)) for value in values], dtype=np.int64)[where]
    divisor = operands[1]
    safe = np.where(divisor == 0, 1, divisor)  # where it is 0, a guard is broken
    return operands[0] // safe if atom.kind == "quotient" else operands[0] % safe


class Guards:
    """The guards of a trace: for which candidates what was traced holds."""

    def __init__(self, guards: Sequence[Guard], trace: Trace) -> None:
        """Sort them: most are bounds of one atom, which are compared at once."""
        self.terms: list[Terms] = []
        self._bounds = (_Bounds(), _Bounds())
        relations: list[Guard] = []
        for guard in guards:
            atom, bound = _bound(guard, trace)
            if atom is None:
                self.terms.append(guard.terms)
                relations.append(guard)
                continue
            below = guard.outcome == (guard.terms[(atom,)] > 0)
            self._bounds[guard.required].add(atom, bound, below=below)
        self._below = np.array([guard.relation == "<" for guard in relations], dtype=bool)[:, None]
        self._outcomes = np.array([guard.outcome for guard in relations], dtype=bool)[:, None]
        self._required = np.array([guard.required for guard in relations], dtype=bool)[:, None]

    def __call__(self, columns: Columns, values: NDArray[np.int64]) -> tuple[Held, Held]:
        """Tell for which candidates all of them hold, and for which those hold that are not required.

        Args:
            columns: The values of the atoms.
            values: Those of `terms`, a row each.
        """
        free, required = (bounds(columns) for bounds in self._bounds)
        if len(self.terms):
            kept = np.where(self._below, values < 0, values == 0) == self._outcomes
            free = free & (kept | self._required).all(axis=0)
            required = required & kept.all(axis=0)
        return free & required, free


class _Bounds:
    """Bounds of single atoms, which are compared at once."""

    def __init__(self) -> None:
        self._low: dict[int, int] = {}
        self._high: dict[int, int] = {}

    def add(self, atom: int, bound: int, *, below: bool) -> None:
        """Add a bound, which is within it itself."""
        side, tighter = (self._high, min) if below else (self._low, max)
        side[atom] = tighter(side.get(atom, bound), bound)

    @cached_property
    def _compiled(self) -> tuple[Any, Any, Any]:
        atoms, extremes = sorted({*self._low, *self._high}), np.iinfo(np.int64)
        low = [self._low.get(atom, extremes.min) for atom in atoms]
        high = [self._high.get(atom, extremes.max) for atom in atoms]
        return np.array(atoms, dtype=np.intp), np.array(low)[:, None], np.array(high)[:, None]

    def __call__(self, columns: Columns) -> Held:
        """Tell for which candidates all of them hold."""
        atoms, low, high = self._compiled
        bounded = columns[atoms]
        held: Held = ((bounded >= low) & (bounded <= high)).all(axis=0)
        return held


def _bound(guard: Guard, trace: Trace) -> tuple[int | None, int]:
    """Give the one atom that a guard bounds, and the last whole number that is within the bound.

    Where an atom is never below 0, that it is not 0 is a bound too. For others, `a * atom + b < 0` is true up to
    ceil(-b / a) - 1 where a > 0, and from floor(-b / a) + 1 on where a < 0.
    """
    alone = [monomial for monomial in guard.terms if monomial]
    if len(alone) != 1 or len(alone[0]) != 1:
        return None, 0
    (atom,), factor, constant = alone[0], guard.terms[alone[0]], guard.terms.get((), 0)
    if guard.relation == "==":
        never_negative = trace.atoms[atom].kind in NEVER_NEGATIVE
        return (atom, 1) if never_negative and (factor, constant, guard.outcome) == (1, 0, False) else (None, 0)
    if factor > 0:
        last = -(constant // factor) - 1
        return atom, last if guard.outcome else last + 1
    last = -constant // factor + 1
    return atom, last if guard.outcome else last - 1
