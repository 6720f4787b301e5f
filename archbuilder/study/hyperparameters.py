"""What a search varies: a width, another key of a layer, or several that change together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Value = bool | int | float | str
Values = Mapping[str, Value]
"""A candidate: the value of every hyperparameter by its name."""
Widths = range | tuple[int, ...]
"""Ascending and each once; a range where they are evenly spaced."""


@dataclass(frozen=True)
class Hyperparameter:
    """One width or other key, or several that change together.

    Attributes:
        name: The name of what it sets; the pattern of its line if it sets several.
        values: What can be proposed: values of what it sets, widths ascending; row numbers for tied widths.
        names: What it sets: names of widths, or paths of other keys, such as `stem.kernel`.
        is_width: Whether it sets widths. Each choice of other keys makes another network, whose widths are still free.
        tied: The widths of every value; None if they are the value itself.
        multiple_of: What each width is a multiple of, as its line says.
    """

    name: str
    values: Sequence[Value]
    names: tuple[str, ...]
    is_width: bool = True
    tied: tuple[tuple[int, ...], ...] | None = None
    multiple_of: int = 1

    @cached_property
    def rows(self) -> tuple[tuple[Value, ...], ...]:
        """What each value sets: a row for every value, a column for every name."""
        return self.tied or tuple((value,) * len(self.names) for value in self.values)

    @property
    def texts(self) -> dict[str, str]:
        """The values of each thing that it sets, step by step."""
        if not self.is_width:
            return dict.fromkeys(self.names, values_text(self.values))
        columns = [values_text(evenly(column.tolist())) for column in self.table.T]
        return dict(zip(self.names, columns, strict=True))

    @property
    def text(self) -> str:
        """Its values in short: `4 to 32 by 4`, `22 steps of 2 widths, 2 + 4 to 16 + 32`."""
        if not self.is_width or len(self.names) == 1:
            return values_text(self.values)
        first, last = (" + ".join(map(str, self.rows[row])) for row in (0, -1))
        return f"{len(self.rows)} steps of {len(self.names)} widths, {first} to {last}"

    @cached_property
    def table(self) -> NDArray[np.int64]:
        """The rows of widths: values x names."""
        return np.array(self.rows, dtype=np.int64)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """The sum of the widths at every value, ascending."""
        sizes: NDArray[np.int64] = self.table.sum(axis=1)
        return sizes

    def position(self, value: Value) -> int:
        """Return the number of a value's row."""
        return self.values.index(value)

    def settings(self, value: Value) -> dict[str, Value]:
        """Return what a value sets, by name."""
        return dict(zip(self.names, self.rows[self.position(value)], strict=True))

    def find(self, settings: Mapping[str, Value]) -> Value | None:
        """Return the value that sets what a network has, or None."""
        wanted = tuple(settings.get(name) for name in self.names)
        return self.values[self.rows.index(wanted)] if wanted in self.rows else None

    def nearest(self, near: Values, baseline: Values, said: Values = MappingProxyType({})) -> Value:
        """Return the value nearest to a network, and of equally near ones to the baseline, that sets what is said."""

        def distance(settings: Values, to: Values) -> int:
            wanted = [(settings[name], to.get(name, baseline.get(name))) for name in self.names]
            if self.is_width:
                return sum(abs(int(width) - int(other or 0)) for width, other in wanted)
            return sum(value != other for value, other in wanted)

        rows = [(value, self.settings(value)) for value in self.values]
        rows = [(value, settings) for value, settings in rows if said.items() <= settings.items()]
        return min(rows, key=lambda row: (distance(row[1], near), distance(row[1], baseline)))[0]


def tied_rows(base: Sequence[int], widths: Sequence[Widths]) -> tuple[tuple[int, ...], ...]:
    """Return the steps of widths that change together, as a common factor grows.

    At each factor every width has the allowed value that is nearest to the factor times its value in the spec.

    Args:
        base: Each width in the spec, at least 1.
        widths: The values that each width may have.
    """
    middles = [np.array([(low + high) / 2 for low, high in pairwise(allowed)]) for allowed in widths]
    bends = sorted({float(bend) for own, middle in zip(base, middles, strict=True) for bend in middle / own})
    factors = np.array([0.0, *((low + high) / 2 for low, high in pairwise(bends)), bends[-1] + 1] if bends else [1.0])
    columns = [
        np.asarray(allowed)[np.searchsorted(middle, factors * own)]
        for own, middle, allowed in zip(base, middles, widths, strict=True)
    ]
    return tuple(dict.fromkeys(tuple(map(int, row)) for row in np.stack(columns, axis=1)))


def evenly(numbers: Sequence[int]) -> Widths:
    """Return integers as a range if they are several, ascending and evenly spaced."""
    steps = {after - before for before, after in pairwise(numbers)}
    if len(steps) == 1 and min(steps) > 0:
        return range(numbers[0], numbers[-1] + 1, steps.pop())
    return tuple(numbers)


def values_text(values: Sequence[Value]) -> str:
    """Format values: `4 to 32 by 4`, `8, 12 or 32`, `true or false`."""
    if isinstance(values, range) and len(values) > 2:
        return f"{values[0]} to {values[-1]} by {values.step}"
    words = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "none"
