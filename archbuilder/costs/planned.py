"""Costs that no polynomial gives: each network is planned, once."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archbuilder.costs.quantities import Quantity
from archbuilder.plan.planner import try_plan
from archbuilder.spec.document import SpecDocument

_KEPT = 100_000  # networks whose costs are kept


class PlannedCosts:
    """Some costs of a spec as a function of its searchable widths."""

    def __init__(self, document: SpecDocument, names: Sequence[str], quantities: Iterable[Quantity]) -> None:
        """Plan nothing yet.

        Args:
            document: The spec.
            names: The names of the widths that vary, in the order of the columns of `price`.
            quantities: What is computed; those that have to be measured, and polynomials, are left out.
        """
        self._document, self._names = document, tuple(names)
        self._quantities = [one for one in quantities if one.count is not None and not one.is_polynomial]
        self._kept = lru_cache(_KEPT)(self._computed)

    def price(self, candidates: NDArray[np.int64], which: NDArray[np.bool_]) -> dict[str, NDArray[np.int64]]:
        """Compute the costs of some candidates, by quantity; 0 for the others, and for invalid ones.

        Args:
            candidates: A row for each candidate, a column for each width.
            which: Which of them are planned.
        """
        costs = np.zeros((len(self._quantities), len(candidates)), np.int64)
        for number in np.flatnonzero(which) if self._quantities else ():
            costs[:, number] = self._kept(tuple(candidates[number].tolist()))
        return {quantity.name: row for quantity, row in zip(self._quantities, costs, strict=True)}

    def _computed(self, widths: tuple[int, ...]) -> list[int]:
        plan = try_plan(self._document, dict(zip(self._names, widths, strict=True)))[0]
        return [0 if plan is None else quantity.of(plan) for quantity in self._quantities]
