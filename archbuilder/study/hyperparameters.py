"""What a search turns: a width, widths that move together, or a choice of how the network is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from archbuilder.study.rules import Widths

Value = int | str
Values = Mapping[str, Value]
"""A candidate: the value of every parameter by its name."""


@dataclass(frozen=True)
class WidthParameter:
    """One width, or several that move together.

    Attributes:
        name: The name of the width; the pattern of its line if it sets several.
        values: What can be proposed, ascending: widths where all of them have the same, else the number of the row.
        width_names: The names of the widths that it sets.
        rows: For every value each width; None where they are the value itself.
        multiple_of: What each width is a multiple of, as its line says.
    """

    name: str
    values: Widths
    width_names: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...] | None = None
    multiple_of: int = 1

    @cached_property
    def table(self) -> NDArray[np.int64]:
        """The widths: a row for every value, a column for every name."""
        if self.rows is not None:
            return np.array(self.rows, dtype=np.int64)
        return np.repeat(np.array(self.values, dtype=np.int64)[:, None], len(self.width_names), axis=1)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """The sum of the widths at every value, ascending."""
        sizes: NDArray[np.int64] = self.table.sum(axis=1)
        return sizes

    def position(self, value: Value) -> int:
        """Give the number of a value's row."""
        return self.values.index(value)  # type: ignore[arg-type]

    def find(self, widths: Mapping[str, int]) -> int | None:
        """Give the value at which the widths are these, or None."""
        wanted = np.array([widths[name] for name in self.width_names])
        rows = np.flatnonzero((self.table == wanted).all(axis=1))
        return int(self.values[rows[0]]) if len(rows) else None


@dataclass(frozen=True)
class ChoiceParameter:
    """A choice that makes another network: a kernel size, a number of repeats, a type.

    Attributes:
        name: The path, such as `stem.kernel`; the pattern of its line if it sets several.
        values: What can be chosen.
        paths: What it sets.
    """

    name: str
    values: tuple[Value, ...]
    paths: tuple[str, ...]

    def position(self, value: Value) -> int:
        """Give the number of a value."""
        return self.values.index(value)


Hyperparameter = WidthParameter | ChoiceParameter


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
