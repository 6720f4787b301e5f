"""A candidate projected onto a budget: the nearest of its shape that the limits allow."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from archbuilder.budgets.budget import Cost, Limits
from archbuilder.budgets.latency import Measure, within_latency
from archbuilder.study.hyperparameters import Value, Values
from archbuilder.study.pricing import Position, Positions, Pricer, Variant

_GRIDS = (16,) * 4  # factors: each grid within the gap that the one before left
_STARTS = 6  # from which single steps lead towards a target
_STEPS = 200


def on_budget(
    pricer: Pricer, values: Values, limits: Limits, measure: Measure | None = None
) -> tuple[dict[str, Value], Cost] | None:
    """Return the candidate nearest in shape to another that is within limits, and its cost; None if none was found.

    Args:
        pricer: Prices candidates.
        values: The candidate.
        limits: What it may cost.
        measure: Measures a network; without it a latency is not limited.
    """
    variant = pricer.variant(values)
    if variant is None:
        return None
    position, latency = projected(variant, pricer.position(values), limits), dict[str, int]()
    if position is not None and measure is not None and "latency" in limits.by_quantity:
        at = partial(projected, variant, position)
        timed = within_latency(position, variant.plan, at, limits, measure)
        position, latency = (None, {}) if timed is None else (timed[0], {"latency": timed[1]})
    if position is None:
        return None
    return pricer.values(position, values), variant.price(position[None]).row(0) | latency


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
        position = _filled(variant, position)
        prices = variant.price(position[None])
    if not prices.is_valid[0]:
        return None
    return position if limits.allows(prices.row(0)) else _Projection(variant, position, limits).found()


def _filled(variant: Variant, position: Position) -> Position:
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
        self._sizes = [parameter.sizes for parameter in variant.parameters]  # of each hyperparameter, ascending
        self._own = np.array([sizes[row] for sizes, row in zip(self._sizes, start, strict=True)], dtype=float)
        self._free = np.flatnonzero((self._own > 0) & variant.active)
        self._target = next((name for name, limit in limits.by_quantity.items() if limit.low), None)

    def found(self) -> Position | None:
        """Return the nearest candidate within the limits; None if none was found."""
        if not len(self._free):
            return None
        rows = self._scaled()
        within, below, counts = self._priced(rows)
        if len(within) or self._target is None:
            return _first(rows, within)
        # The largest first: fewest steps lead from there to the target.
        starts = dict.fromkeys(map(tuple, rows[below[np.argsort(-counts[below], kind="stable")]].tolist()))
        ends = (self._grown(np.array(start)) for start in list(starts)[:_STARTS])
        return next((end for end in ends if end is not None), None)

    def _priced(self, rows: Positions) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]:
        """Return which candidates are within the limits, which exceed none, and what they have of the target."""
        prices = self._variant.price(rows, self._limits)
        within = np.flatnonzero(prices.is_valid & self._limits.allows(prices.counts))
        below = np.flatnonzero(prices.is_valid & self._limits.below(prices.counts))
        return within, below, prices.counts[self._target or "macs"]

    def _scaled(self) -> Positions:
        """Try factors on grids that close in on the limit; return the candidates, those nearest to factor 1 first."""
        low = min(self._sizes[n][self._sizes[n] > 0][0] / self._own[n] for n in self._free) * 0.99
        high = max(self._sizes[n][-1] / self._own[n] for n in self._free) * 1.01
        factors = np.zeros(0)
        for count in _GRIDS:
            grid = np.geomspace(low, high, count)
            factors = np.append(factors, grid)
            within, below, _ = self._priced(self._at(grid))
            is_reached = self._target is not None and len(within) > 0
            if is_reached or not len(below) or below[-1] + 1 == count:
                break
            low, high = grid[below[-1]], grid[below[-1] + 1]
        return self._at(factors[np.argsort(np.abs(np.log(factors)), kind="stable")])

    def _at(self, factors: NDArray[np.float64]) -> Positions:
        """Return the candidates whose widths are the nearest to the start's, multiplied by each factor."""
        rows = np.repeat(self._start[None], len(factors), axis=0)
        for column in self._free:
            sizes = self._sizes[column]
            first = int(np.searchsorted(sizes, 1))  # a branch that is there stays
            middles = (sizes[first:-1] + sizes[first + 1 :]) / 2
            rows[:, column] = first + np.searchsorted(middles, factors * self._own[column])
        return rows

    def _grown(self, position: Position) -> Position | None:
        """Take single widths up until the target is reached."""
        for _ in range(_STEPS):
            wider = [column for column in self._free if position[column] + 1 < len(self._sizes[column])]
            rows = position + np.eye(len(position), dtype=np.int64)[wider]
            within, below, counts = self._priced(rows)
            if len(within) or not len(below):
                return _first(rows, within)
            position = rows[below[np.argmax(counts[below])]]
        return None


def _first(rows: Positions, which: NDArray[np.intp]) -> Position | None:
    return rows[which[0]] if len(which) else None
