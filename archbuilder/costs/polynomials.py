"""Polynomials over searchable widths, computed for many candidates at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archbuilder.plan.trace import Atom, Terms, Trace

_EXACT = 2.0**53  # integers below it are exact as floats, and products of float matrices are faster
_LARGEST = 2.0**63
_SLACK = 1 - 1e-9  # of an estimate in floats

Columns = NDArray[np.int64]
"""One row for each atom, one column for each candidate."""


class Polynomials:
    """Polynomials over the same atoms."""

    def __init__(self, polynomials: Sequence[Terms], atoms: int) -> None:
        """Compile polynomials.

        Args:
            polynomials: The coefficients of the monomials of each.
            atoms: The number of atoms.

        Raises:
            OverflowError: A coefficient does not fit 64 bits.
        """
        monomials = {monomial: row for row, monomial in enumerate(dict.fromkeys(m for p in polynomials for m in p))}
        self._factors = np.zeros((len(polynomials), len(monomials)), dtype=np.int64)
        for row, terms in enumerate(polynomials):
            for monomial, factor in terms.items():
                self._factors[row, monomials[monomial]] = factor
        self._floats = self._factors.astype(np.float64)
        self._magnitudes = np.abs(self._floats)
        degree = max(map(len, monomials), default=0)
        # The row after the atoms is all ones: it pads monomials of a lower degree.
        padded = np.full((len(monomials), max(1, degree)), atoms, dtype=np.intp)
        for row, monomial in enumerate(monomials):
            padded[row, : len(monomial)] = monomial
        self._factored = [np.ascontiguousarray(padded[:, place]) for place in range(max(1, degree))]
        self._buffers: dict[tuple[str, int], tuple[Any, Any]] = {}

    def __call__(self, columns: Columns) -> NDArray[np.int64]:
        """Evaluate the polynomials.

        Args:
            columns: The values of the atoms, and a last row of ones: (atoms + 1) x candidates.

        Returns:
            The values: polynomials x candidates.

        Raises:
            OverflowError: A value does not fit 64 bits.
        """
        largest = np.maximum(columns.max(axis=1), -columns.min(axis=1)).astype(np.float64)
        bound = (self._magnitudes @ np.prod([largest[rows] for rows in self._factored], axis=0)).max(initial=0)
        if bound < _EXACT * _SLACK:
            whole: Columns = (self._floats @ self._products(columns.astype(np.float64))).astype(np.int64)
            return whole
        if bound >= _LARGEST * _SLACK:
            estimates = self._magnitudes @ self._products(np.abs(columns.astype(np.float64)))
            if estimates.max(initial=0) >= _LARGEST * _SLACK:
                raise OverflowError
        values: Columns = self._factors @ self._products(columns)
        return values

    def _products(self, columns: Any) -> Any:
        """Return the values of the monomials, in reused arrays, as allocation would take longer than the arithmetic."""
        key = (columns.dtype.str, columns.shape[1])
        if key not in self._buffers:
            shape = (len(self._factored[0]), columns.shape[1])
            self._buffers = {key: (np.empty(shape, columns.dtype), np.empty(shape, columns.dtype))}
        products, factors = self._buffers[key]
        np.take(columns, self._factored[0], axis=0, out=products, mode="clip")
        for rows in self._factored[1:]:
            np.take(columns, rows, axis=0, out=factors, mode="clip")
            np.multiply(products, factors, out=products)
        return products


class Atoms:
    """The atoms of a trace, computed from the widths of candidates."""

    def __init__(self, trace: Trace, names: Sequence[str]) -> None:
        """Compile the atoms of a trace.

        Args:
            trace: The trace.
            names: The names of the searchable widths whose values will be given, in their order.
        """
        self._atoms = list(enumerate(trace.atoms))
        columns = {name: column for column, name in enumerate(names)}
        fixed = [(number, atom) for number, atom in self._atoms if atom.kind == "width" and atom.what not in columns]
        varied = [(number, columns[atom.what]) for number, atom in self._atoms if atom.what in columns]
        self._start = np.zeros((len(self._atoms) + 1, 1), dtype=np.int64)
        self._start[-1] = 1
        for number, atom in fixed:
            self._start[number] = atom.value
        self._rows = np.array([number for number, _ in varied], dtype=np.intp)
        self._columns = np.array([column for _, column in varied], dtype=np.intp)
        known = {number for number, atom in self._atoms if atom.kind == "width"}
        simple = [
            (n, _only_operand(atom))
            for n, atom in self._atoms
            if atom.kind == "present" and _only_operand(atom) in known
        ]
        self._present = np.array([number for number, _ in simple], dtype=np.intp)
        self._of = np.array([operand for _, operand in simple], dtype=np.intp)
        known |= {number for number, _ in simple}
        self._others = [
            (number, atom, [Polynomials([terms], len(self._atoms)) for terms in atom.operands])
            for number, atom in self._atoms
            if number not in known
        ]

    def __call__(self, widths: NDArray[np.int64]) -> Columns:
        """Evaluate the atoms.

        Args:
            widths: candidates x names.

        Returns:
            The values of the atoms, and a last row of ones: (atoms + 1) x candidates.
        """
        columns: Columns = np.repeat(self._start, len(widths), axis=1)
        columns[self._rows] = widths.T[self._columns]
        columns[self._present] = columns[self._of] != 0
        for number, atom, operands in self._others:
            columns[number] = _value(atom, [operand(columns)[0] for operand in operands])
        return columns


def _only_operand(atom: Atom) -> int | None:
    """Return the atom that is the operand of an atom; None if the operand is another polynomial."""
    terms = atom.operands[0]
    monomial = next(iter(terms))
    return monomial[0] if len(terms) == 1 and len(monomial) == 1 else None


def _value(atom: Atom, operands: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Compute an atom for every candidate from the values of its operands."""
    if atom.kind == "present":
        present: NDArray[np.int64] = (operands[0] != 0).astype(np.int64)
        return present
    if atom.kind == "function":
        values, where = np.unique(operands[0], return_inverse=True)
        return np.array([atom.what(int(value)) for value in values], dtype=np.int64)[where]
    divisor = operands[1]
    safe = np.where(divisor == 0, 1, divisor)  # if it is 0, a guard fails
    return operands[0] // safe if atom.kind == "quotient" else operands[0] % safe
