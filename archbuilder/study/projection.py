"""A candidate projected onto a budget: the nearest of its shape that the limits allow."""

import numpy as np
from numpy.typing import NDArray

from archbuilder.costs.function import Prices
from archbuilder.study.budget import Limits
from archbuilder.study.pricing import Position, Positions, Variant

_GRIDS = (48, 48, 48)  # factors: each grid within the gap that the one before left
_SPARSE_GRIDS = (8,) * 6  # the same precision of fewer candidates, where each has to be planned
_STARTS = 6  # from which single steps lead towards a target
_STEPS = 200


def projected(variant: Variant, position: Position, limits: Limits) -> Position | None:
    """Return a candidate, or the one nearest to it in shape that is within limits; None if none was found.

    All widths are multiplied by one factor, the nearest to 1 at which the limits hold; each takes its nearest value.
    Where that misses a target, single widths grow, the one first that comes nearest to it. Branches that are left out
    stay so, unless nothing of a block would be left. The result depends on the arguments alone.

    Args:
        variant: The network.
        position: The candidate.
        limits: What it may cost; limits that need a measurement are ignored.
    """
    limits = limits.counted
    prices = variant.price(position[None])
    if not prices.is_valid[0]:
        position = filled(variant, position)
        prices = variant.price(position[None])
    if not prices.is_valid[0]:
        return None
    return position if limits.allows(prices.row(0)) else _Projection(variant, position, limits).found()


def filled(variant: Variant, position: Position) -> Position:
    """Return a candidate with branches back, as narrow as they can be, in the layers that nothing is left of."""
    result, layers = position.copy(), dict[str, list[int]]()
    for column, parameter in enumerate(variant.parameters):
        if parameter.sizes[position[column]] == 0 and len(parameter.sizes) > 1:
            result[column] += 1
            layers.setdefault(parameter.names[0].rpartition(".")[0], []).append(column)
    for columns in layers.values():
        without = result.copy()
        without[columns] = position[columns]
        if variant.price(without[None]).is_valid[0]:
            result = without
    return result


class _Projection:
    """The ways from one candidate to those within limits."""

    def __init__(self, variant: Variant, start: Position, limits: Limits) -> None:
        self._variant, self._start, self._limits = variant, start, limits
        self._sizes = [parameter.sizes for parameter in variant.parameters]
        self._baseline = np.array([size[row] for size, row in zip(self._sizes, start, strict=True)], dtype=float)
        self._free = np.flatnonzero((self._baseline > 0) & variant.active)
        self._target = next((name for name, limit in limits.by_quantity.items() if limit.low), None)

    def found(self) -> Position | None:
        if not len(self._free):
            return None
        rows = self._scaled()
        prices = self._variant.price(rows, self._limits)
        within, below = self._within(prices), self._below(prices)
        if len(within):
            return _row(rows, within[0])
        if self._target is None or not len(below):
            return None
        # The largest first: fewest steps lead from there to the target.
        order = below[np.argsort(-prices.counts[self._target][below], kind="stable")]
        starts = [np.array(row) for row in list(dict.fromkeys(map(tuple, rows[order].tolist())))[:_STARTS]]
        for start in starts:
            end = self._grown(start, self._target)
            if end is not None:
                return end
        return None

    def _within(self, prices: Prices) -> NDArray[np.intp]:
        return np.flatnonzero(prices.is_valid & self._limits.allows(prices.counts))

    def _below(self, prices: Prices) -> NDArray[np.intp]:
        return np.flatnonzero(prices.is_valid & self._limits.below(prices.counts))

    def _scaled(self) -> Positions:
        """Try factors on grids that close in on the limit; return the rows nearest to factor 1 first."""
        low = min(self._sizes[n][self._sizes[n] > 0][0] / self._baseline[n] for n in self._free) * 0.99
        high = max(self._sizes[n][-1] / self._baseline[n] for n in self._free) * 1.01
        grids: list[NDArray[np.float64]] = []
        for count in _SPARSE_GRIDS if self._variant.is_planned else _GRIDS:
            grid = np.geomspace(low, high, count)
            grids.append(grid)
            prices = self._variant.price(self._at(grid), self._limits)
            fits = self._below(prices)
            is_reached = self._target is not None and len(self._within(prices)) > 0
            if is_reached or not len(fits) or fits[-1] + 1 == count:
                break
            low, high = grid[fits[-1]], grid[fits[-1] + 1]
        factors = np.concatenate(grids)
        return self._at(factors[np.argsort(np.abs(np.log(factors)), kind="stable")])

    def _at(self, factors: NDArray[np.float64]) -> Positions:
        """Return the candidates whose widths are the nearest to the start's, multiplied by each factor."""
        rows = np.repeat(self._start[None], len(factors), axis=0)
        for column in self._free:
            sizes = self._sizes[column]
            first = int(np.searchsorted(sizes, 1))  # a branch that is there stays
            middles = (sizes[first:-1] + sizes[first + 1 :]) / 2
            rows[:, column] = first + np.searchsorted(middles, factors * self._baseline[column])
        return rows

    def _grown(self, position: Position, target: str) -> Position | None:
        """Take single widths up until the target is reached."""
        for _ in range(_STEPS):
            rows = self._neighbors(position, 1)
            prices = self._variant.price(rows, self._limits)
            within, below = self._within(prices), self._below(prices)
            if len(within):
                return _row(rows, within[0])
            if not len(below):
                return None
            position = rows[below[np.argmax(prices.counts[target][below])]]
        return None

    def _neighbors(self, position: Position, by: int) -> Positions:
        """Return the neighbors that have one width more, or one less; none appears or disappears."""
        rows = np.repeat(position[None], len(self._free), axis=0)
        rows[np.arange(len(rows)), self._free] += by
        numbers = rows[np.arange(len(rows)), self._free]
        exists = [
            0 <= number < len(self._sizes[column]) and self._sizes[column][number] > 0
            for number, column in zip(numbers, self._free, strict=True)
        ]
        neighbors: Positions = rows[np.array(exists, dtype=bool)]
        return neighbors


def _row(rows: Positions, number: np.intp) -> Position:
    row: Position = rows[number]
    return row
