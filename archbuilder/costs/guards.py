"""Guards: the conditions under which traced costs hold, evaluated for many candidates at once."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archbuilder.costs.polynomials import Columns
from archbuilder.plan.trace import NEVER_NEGATIVE, Guard, Terms, Trace

Mask = NDArray[np.bool_]
"""One boolean for each candidate."""


class Guards:
    """The guards of a trace, compiled to array comparisons.

    Attributes:
        terms: The polynomials of the guards that are not bounds of one atom; the caller evaluates them.
    """

    def __init__(self, guards: Sequence[Guard], trace: Trace) -> None:
        """Compile guards: most are bounds of a single atom, which are merged and compared together."""
        self.terms: list[Terms] = []
        self._bounds = (_Bounds(), _Bounds())
        relations: list[Guard] = []
        for guard in guards:
            atom, bound = _single_bound(guard, trace)
            if atom is None:
                self.terms.append(guard.terms)
                relations.append(guard)
                continue
            below = guard.outcome == (guard.terms[(atom,)] > 0)
            self._bounds[guard.required].add(atom, bound, below=below)
        self._below = np.array([guard.relation == "<" for guard in relations], dtype=bool)[:, None]
        self._outcomes = np.array([guard.outcome for guard in relations], dtype=bool)[:, None]
        self._required = np.array([guard.required for guard in relations], dtype=bool)[:, None]

    def __call__(self, columns: Columns, values: NDArray[np.int64]) -> tuple[Mask, Mask]:
        """Evaluate the guards.

        Args:
            columns: The values of the atoms: atoms x candidates.
            values: The values of `terms`: terms x candidates.

        Returns:
            For which candidates all guards hold, and for which all that are not `required` hold.
        """
        free, required = (bounds(columns) for bounds in self._bounds)
        if len(self.terms):
            holds = np.where(self._below, values < 0, values == 0) == self._outcomes
            free = free & (holds | self._required).all(axis=0)
            required = required & holds.all(axis=0)
        return free & required, free


class _Bounds:
    """Lower and upper bounds of single atoms, compared together."""

    def __init__(self) -> None:
        self._low: dict[int, int] = {}
        self._high: dict[int, int] = {}

    def add(self, atom: int, bound: int, *, below: bool) -> None:
        """Add an inclusive bound: an upper one if `below`, else a lower one."""
        side, tighter = (self._high, min) if below else (self._low, max)
        side[atom] = tighter(side.get(atom, bound), bound)

    @cached_property
    def _arrays(self) -> tuple[Any, Any, Any]:
        atoms, extremes = sorted({*self._low, *self._high}), np.iinfo(np.int64)
        low = [self._low.get(atom, extremes.min) for atom in atoms]
        high = [self._high.get(atom, extremes.max) for atom in atoms]
        return np.array(atoms, dtype=np.intp), np.array(low)[:, None], np.array(high)[:, None]

    def __call__(self, columns: Columns) -> Mask:
        """Return for which candidates all bounds hold."""
        atoms, low, high = self._arrays
        bounded = columns[atoms]
        holds: Mask = ((bounded >= low) & (bounded <= high)).all(axis=0)
        return holds


def _single_bound(guard: Guard, trace: Trace) -> tuple[int | None, int]:
    """Return the single atom that a guard bounds, and the inclusive bound; None for other guards.

    `a * atom + b < 0` is true up to ceil(-b / a) - 1 if a > 0, and from floor(-b / a) + 1 if a < 0. For an atom that
    is never negative, `atom != 0` is the bound 1.
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
