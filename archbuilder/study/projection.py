"""A candidate moved onto the budget: the nearest of its shape that the limits allow."""

import numpy as np
from numpy.typing import NDArray

from archbuilder.study.budget import Limits
from archbuilder.study.pricing import Positions, Priced, Variant

_FACTORS = 48  # of a grid
_GRIDS = 3  # each within the gap that the one before left
_STARTS = 6  # from which single steps lead towards a target
_STEPS = 200


def projected(variant: Variant, position: NDArray[np.int64], limits: Limits) -> NDArray[np.int64] | None:
    """Give the candidate, or the one nearest to it in shape that is within limits; None if none was found.

    All widths are multiplied by one factor, the nearest to 1 at which the limits hold; each takes the value of its own
    that is nearest. Where that misses a target, single widths are taken up, the one first that comes nearest to it.
    Branches that are left out stay so, unless nothing of a block would be left.

    Args:
        variant: The network.
        position: The candidate by the numbers of its values.
        limits: What it may cost.
    """
    priced = variant.price(position[None])
    if not priced.is_valid[0]:
        position = filled(variant, position)
        priced = variant.price(position[None])
    if priced.within(limits)[0]:
        return position
    return _Moves(variant, position, limits).found() if priced.is_valid[0] else None


def filled(variant: Variant, position: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give a candidate with branches back, as narrow as they can be, in the layers that nothing is left of."""
    filled, layers = position.copy(), dict[str, list[int]]()
    for column, parameter in enumerate(variant.parameters):
        if parameter.sizes[position[column]] == 0 and len(parameter.sizes) > 1:
            filled[column] += 1
            layers.setdefault(parameter.width_names[0].rpartition(".")[0], []).append(column)
    for columns in layers.values():
        without = filled.copy()
        without[columns] = position[columns]
        if variant.price(without[None]).is_valid[0]:
            filled = without
    return filled


class _Moves:
    """The ways from one candidate to those within limits."""

    def __init__(self, variant: Variant, start: NDArray[np.int64], limits: Limits) -> None:
        self._variant, self._start, self._limits = variant, start, limits
        self._sizes = [parameter.sizes for parameter in variant.parameters]
        self._own = np.array([size[number] for size, number in zip(self._sizes, start, strict=True)], dtype=float)
        self._free = (self._own > 0) & variant.active
        self._targets = [name for name, limit in limits.by_quantity.items() if limit.low]

    def found(self) -> NDArray[np.int64] | None:
        """Search."""
        if not self._free.any():
            return None
        rows, priced = self._scaled()
        within = np.flatnonzero(priced.within(self._limits))
        if len(within):
            return _row(rows, within[0])
        below = np.flatnonzero(priced.below(self._limits))
        if not self._targets or not len(below):
            return None
        # The largest first: fewest steps lead from there to the target.
        order = below[np.argsort(-priced.costs[self._targets[0]][below], kind="stable")]
        starts = list(dict.fromkeys(tuple(map(int, rows[row])) for row in order))[:_STARTS]
        for start in starts:
            end = self._climb(np.array(start, dtype=np.int64))
            if end is not None:
                return end
        return self._traded(np.array(starts[0], dtype=np.int64))

    def _scaled(self) -> tuple[Positions, Priced]:
        """Try factors on grids that close in on the limit; the rows nearest to factor 1 first."""
        free = np.flatnonzero(self._free)
        least = min(self._sizes[column][self._sizes[column] > 0][0] / self._own[column] for column in free) * 0.99
        most = max(self._sizes[column][-1] / self._own[column] for column in free) * 1.01
        grids: list[NDArray[np.float64]] = []
        low, high = least, most
        for _ in range(_GRIDS):
            grid = np.geomspace(low, high, _FACTORS)
            grids.append(grid)
            priced = self._variant.price(self._at(grid), self._limits)
            if self._targets and priced.within(self._limits).any():
                break
            fits = np.flatnonzero(priced.below(self._limits))
            if not len(fits) or fits[-1] + 1 == _FACTORS:
                break
            low, high = grid[fits[-1]], grid[fits[-1] + 1]
        factors = np.concatenate(grids)
        factors = factors[np.argsort(np.abs(np.log(factors)), kind="stable")]
        rows = self._at(factors)
        return rows, self._variant.price(rows, self._limits)

    def _at(self, factors: NDArray[np.float64]) -> Positions:
        """Give the candidates whose widths are the nearest to the start's, multiplied by each factor."""
        rows = np.repeat(self._start[None], len(factors), axis=0)
        for column in np.flatnonzero(self._free):
            sizes = self._sizes[column]
            first = int(np.searchsorted(sizes, 1))  # a branch that is there stays
            middles = (sizes[first:-1] + sizes[first + 1 :]) / 2
            rows[:, column] = first + np.searchsorted(middles, factors * self._own[column])
        return rows

    def _climb(self, position: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Take single widths up until the target is reached."""
        target = self._targets[0]
        for _ in range(_STEPS):
            rows = self._steps(position, 1)
            if not len(rows):
                return None
            priced = self._variant.price(rows, self._limits)
            within = np.flatnonzero(priced.within(self._limits))
            if len(within):
                return _row(rows, within[0])
            below = np.flatnonzero(priced.below(self._limits))
            if not len(below):
                return None
            position = rows[below[np.argmax(priced.costs[target][below])]]
        return None

    def _traded(self, position: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Take one width up and another down."""
        up = self._steps(position, 1)
        pairs = [self._steps(row, -1) for row in up]
        rows = np.concatenate([up, *pairs]) if len(up) else up
        if not len(rows):
            return None
        within = np.flatnonzero(self._variant.price(rows, self._limits).within(self._limits))
        return _row(rows, within[0]) if len(within) else None

    def _steps(self, position: NDArray[np.int64], by: int) -> Positions:
        """Give the neighbors that have one width more, or one less; none appears or disappears."""
        rows = []
        for column in np.flatnonzero(self._free):
            number = int(position[column]) + by
            if 0 <= number < len(self._sizes[column]) and self._sizes[column][number] > 0:
                row = position.copy()
                row[column] = number
                rows.append(row)
        return np.array(rows, dtype=np.int64).reshape(len(rows), len(position))


def _row(rows: Positions, number: np.intp) -> NDArray[np.int64]:
    row: NDArray[np.int64] = rows[number]
    return row
