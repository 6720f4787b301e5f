"""The choice of widths: step by step, what is lost least for what it saves, exactly onto a budget."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from archbuilder.budgets.budget import Limits
from archbuilder.pruning.counts import Counts, Row
from archbuilder.pruning.damage import Damage
from archbuilder.pruning.moves import Move, Removal

Fits = Callable[[Row], bool]


class Choice:
    """Narrower networks of one network, from the full one down."""

    def __init__(
        self,
        counts: Counts,
        damage: Damage,
        moves: Sequence[Move],
        removals: Sequence[Removal],
        floor: Row,
        limits: Limits,
    ) -> None:
        """Prepare.

        Args:
            counts: Costs as functions of the widths.
            damage: What is lost.
            moves: The steps that are possible.
            removals: The branches that may be removed.
            floor: The least value of every width.
            limits: What a network may cost; how little does not matter.
        """
        self._counts, self._damage, self._moves, self._removals = counts, damage, moves, removals
        self._floor, self._limits = floor, limits

    def best(self, fits_too: Fits | None = None) -> Row | None:
        """Return the widths of a network within the limits from which least is lost; None if there is none.

        Args:
            fits_too: Whether a network is within limits that are not functions of its widths, such as a latency; it is
                asked about few.
        """
        path = [self._counts.full]
        for row in self._path(coarse=True):
            path.append(row)
            if fits_too is None and self._fits(row):
                break
        first = _first(path, (lambda row: self._fits(row) and fits_too(row)) if fits_too else self._fits)
        if first is None or first == 0 or fits_too is not None:
            return None if first is None else path[first]
        # A fine path to the budget in place of the last coarse step.
        fine = (row for row in self._path(path[first - 1]) if self._fits(row))
        return self._filled(next(fine, path[first]))

    def _path(self, row: Row | None = None, *, coarse: bool = False) -> Iterator[Row]:
        """Yield ever narrower networks: each of the moves that loses least for what it saves."""
        row = row or self._counts.full
        while True:
            rows = [made for move in self._moves if (made := move.once(row, self._floor, coarse=coarse))]
            removed = [made for removal in self._removals if (made := removal.once(row))]
            # A removal that leads far below the budget is the last resort.
            best = self._best(row, [*rows, *(made for made in removed if not self._fits(made))])
            best = best or self._best(row, removed)
            if best is None:
                return
            yield (row := best)

    def _best(self, row: Row, rows: list[Row]) -> Row | None:
        if not rows:
            return None
        everything = [row, *rows]
        valid, costs, channels = self._counts(everything)
        saved = np.zeros(len(everything))
        over = {name: limit for name, limit in self._limits.by_quantity.items() if name in costs}
        over = {name: limit for name, limit in over.items() if costs[name][0] > limit.high}
        for name in over or ["macs"]:
            saved += (costs[name][0] - costs[name]) / max(costs[name][0], 1)
        lost = self._damage(channels)
        with np.errstate(divide="ignore", invalid="ignore"):
            score = np.where(valid & (saved > 0), np.maximum(lost - lost[0], 1e-12) / saved, np.inf)
        best = int(np.argmin(score[1:])) + 1
        return everything[best] if np.isfinite(score[best]) else None

    def _filled(self, row: Row) -> Row:
        """Return the network with every step taken back that the budget allows, first what brings most."""
        while True:
            rows = [made for move in self._moves if (made := move.back(row, self._counts.full))]
            if not rows:
                return row
            valid, costs, channels = self._counts(rows)
            allowed = valid & self._limits.below(costs)
            if not allowed.any():
                return row
            row = rows[int(np.argmin(np.where(allowed, self._damage(channels), np.inf)))]

    def _fits(self, row: Row) -> bool:
        """Return whether a network is within the limits that are functions of its widths."""
        _, costs, _ = self._counts([row])
        return bool(self._limits.below({name: amounts[0] for name, amounts in costs.items()}))


def _first(path: Sequence[Row], fits: Fits) -> int | None:
    """Return the place of the first network that fits, by halving: those after it do too. None if none does."""
    low, high = -1, len(path)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(path[middle]) else (middle, high)
    return high if high < len(path) else None
