"""For which candidates what was traced holds: the conditions that planning depended on, many candidates at once."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archbuilder.costs.polynomials import Columns
from archbuilder.plan.trace import NEVER_NEGATIVE, Guard, Terms, Trace

Held = NDArray[np.bool_]
"""One truth value for each candidate."""


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
    """Return the one atom that a guard bounds, and the last integer that is within the bound.

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
