"""The ways in which a network can be made narrower by a step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from archbuilder.pruning.counts import Counts, Row

_STEPS = (1, 2, 4, 8, 16, 32, 64)
_PARTS = 16  # steps in which a width would be gone


@dataclass(frozen=True)
class Move:
    """Some widths that are narrowed together, as they must be.

    Attributes:
        factors: How much each width is narrowed for each unit, by its column.
        leader: The column of the width that was to be narrowed.
        step: What the leader is a multiple of afterwards.
    """

    factors: Mapping[int, int]
    leader: int
    step: int

    def once(self, row: Row, floor: Row, *, coarse: bool = False) -> Row | None:
        """Return a narrower row; None where a width would be below its floor."""
        width = row[self.leader]
        if not width:
            return None
        by = width % self.step or self.step
        if coarse:
            by += width // _PARTS // self.step * self.step
        narrower = list(row)
        for column, factor in self.factors.items():
            narrower[column] -= by * factor
            if narrower[column] < floor[column]:
                return self.once(row, floor) if coarse else None
        return tuple(narrower)

    def back(self, row: Row, full: Row) -> Row | None:
        """Return a wider row; None where a width would be above that of the full network."""
        wider = list(row)
        for column, factor in self.factors.items():
            if not wider[column]:
                return None  # its branch was removed
            wider[column] += self.step * factor
            if wider[column] > full[column]:
                return None
        return tuple(wider)


@dataclass(frozen=True)
class Removal:
    """A branch that is removed, as its width becomes 0."""

    column: int

    def once(self, row: Row) -> Row | None:
        """Return the row without the branch; None where it is gone."""
        return (*row[: self.column], 0, *row[self.column + 1 :]) if row[self.column] else None


def possible_removals(counts: Counts) -> list[Removal]:
    """Return the branches that can be removed; a convolution on the only path cannot."""
    removals = [Removal(column) for column, width in enumerate(counts.full) if width]
    return [each for each in removals if counts([each.once(counts.full) or counts.full])[0][0]]


def possible_moves(counts: Counts, multiple: int, floor: Row) -> tuple[list[Move], list[int]]:
    """Return the moves that leave a network valid and its operations as they are, and the columns that have none.

    A width that is equal to others, as its channels are added to theirs, moves with them. Where a step is invalid, as
    groups do not divide it, larger ones are tried.
    """
    found: dict[frozenset[tuple[int, int]], Move] = {}
    fixed = []
    for column, width in enumerate(counts.full):
        for move in _candidates(counts, column, multiple):
            row = move.once(counts.full, floor)
            if row is not None and counts([row])[0][0]:
                found.setdefault(frozenset(move.factors.items()), move)
                break
        else:
            if width:
                fixed.append(column)
    return list(found.values()), fixed


def _candidates(counts: Counts, column: int, multiple: int) -> Iterator[Move]:
    factors = _closed(counts, column)
    if factors is not None:
        for step in _STEPS:
            yield Move(factors, column, step * multiple)


def _closed(counts: Counts, column: int) -> dict[int, int] | None:
    """Return what has to be narrowed with a width so that all equal sums stay equal; None if nothing does."""
    factors = {column: 1}
    while broken := next((sums for sums in counts.equalities if _sum(sums, factors)), None):
        excess = _sum(broken, factors)
        free = [other for other, factor in broken.items() if other not in factors and excess % factor == 0]
        other = next((other for other in free if -excess // broken[other] > 0), None)
        if other is None:
            return None
        factors[other] = -excess // broken[other]
    return factors


def _sum(factors: Mapping[int, int], moved: Mapping[int, int]) -> int:
    return sum(factor * moved.get(column, 0) for column, factor in factors.items())
