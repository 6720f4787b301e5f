"""What candidates cost: by the polynomials of each network that the choices of a space make."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archbuilder.budgets.budget import Limits
from archbuilder.costs.function import Prices
from archbuilder.costs.planned import PlannedCosts
from archbuilder.costs.quantities import QUANTITIES
from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import plan_network
from archbuilder.study.hyperparameters import Hyperparameter, Value, Values
from archbuilder.study.space import Space

Position = NDArray[np.int64]
"""The widths of a candidate, by the row numbers of their values: a number for each hyperparameter that sets widths."""
Positions = NDArray[np.int64]
"""Candidates x numbers."""
_KEPT_VARIANTS, _KEPT_SPECS = 200, 100


class Variant:
    """The network with its choices made, and its widths still free.

    Attributes:
        spec: The network with the baseline's widths.
        parameters: The hyperparameters that set widths.
        active: Which of them set a width that this network has.
    """

    def __init__(self, spec: NetworkSpec, parameters: Sequence[Hyperparameter], bounded: Iterable[str]) -> None:
        self.spec, self.parameters = spec, tuple(parameters)
        names = [name for parameter in parameters for name in parameter.names]
        self._columns = [column for column, name in enumerate(names) if name in spec.widths]
        self.active = np.array([any(name in spec.widths for name in parameter.names) for parameter in parameters], bool)
        names = [names[column] for column in self._columns]
        self._costs = spec.costs(names)
        self._planned = PlannedCosts(spec.document, names, [QUANTITIES[name] for name in bounded])

    def price(self, positions: Positions, limits: Limits | None = None) -> Prices:
        """Price candidates; with limits, what takes planning is 0 for candidates that exceed others of them."""
        rows = self._rows(positions)
        prices = self._costs.price(rows)
        asked = prices.is_valid if limits is None else prices.is_valid & limits.below(prices.counts)
        return Prices({**prices.counts, **self._planned.price(rows, asked)}, prices.is_valid)

    def widths(self, position: Position) -> dict[str, int]:
        """Return the widths of one candidate by name."""
        return dict(zip(self._costs.names, self._rows(position[None])[0].tolist(), strict=True))

    def plan(self, position: Position) -> Plan:
        """Plan one candidate; raise a SpecError if it is invalid."""
        return plan_network(self.spec.document, self.widths(position))

    def _rows(self, positions: Positions) -> NDArray[np.int64]:
        """Return the widths that this network has: candidates x widths."""
        widths = [parameter.table[positions[:, column]] for column, parameter in enumerate(self.parameters)]
        return np.concatenate(widths, axis=1)[:, self._columns] if widths else np.zeros((len(positions), 0), np.int64)


class Pricer:
    """Prices the candidates of a space."""

    def __init__(self, spec: NetworkSpec, space: Space, bounded: Iterable[str]) -> None:
        """Price around a spec; of the quantities that are planned, those that are bounded."""
        self._spec, self.space, self._bounded = spec, space, tuple(bounded)
        self._variant = lru_cache(_KEPT_VARIANTS)(self._made)
        self._written = lru_cache(_KEPT_SPECS)(self._write)

    def variant(self, values: Values) -> Variant | None:
        """Return the network with the choices of a candidate made, its widths still free; None if it is invalid."""
        return self._variant(tuple(self.space.structure(values).items()))

    def _made(self, structure: tuple[tuple[str, Value], ...]) -> Variant | None:
        try:
            spec = self._spec.set(dict(structure)) if structure else self._spec
        except ArchbuilderError:
            return None
        return Variant(spec, self.space.width_parameters, self._bounded)

    def position(self, values: Values) -> Position:
        """Return the row numbers of a candidate's widths."""
        return np.array([p.position(values[p.name]) for p in self.space.width_parameters], dtype=np.int64)

    def values(self, position: Position, like: Values) -> dict[str, Value]:
        """Return the candidate with these widths and the other choices of another."""
        widths = {p.name: p.values[int(row)] for p, row in zip(self.space.width_parameters, position, strict=True)}
        return {name: widths.get(name, like.get(name, "")) for name in self.space.by_name}

    def spec(self, values: Values) -> NetworkSpec:
        """Return a candidate as a spec, comments and layout kept; raise a SpecError if it is invalid."""
        return self._written(tuple(values.items()))

    def _write(self, items: tuple[tuple[str, Value], ...]) -> NetworkSpec:
        values = dict(items)
        variant = self._valid(values)
        return variant.spec.set(variant.widths(self.position(values)))

    def plan(self, values: Values) -> Plan:
        """Plan a candidate; raise a SpecError if it is invalid."""
        return self._valid(values).plan(self.position(values))

    def cost(self, values: Values) -> dict[str, int] | None:
        """Price one candidate; None if it is invalid."""
        return self.costs([values])[0]

    def costs(self, candidates: Sequence[Values]) -> list[dict[str, int] | None]:
        """Price candidates, those together that make the same choices; None for each that is invalid."""
        groups: dict[Variant | None, list[int]] = {}
        for number, values in enumerate(candidates):
            groups.setdefault(self.variant(values), []).append(number)
        found: list[dict[str, int] | None] = [None] * len(candidates)
        for variant, numbers in groups.items():
            if variant is None:
                continue
            prices = variant.price(np.stack([self.position(candidates[number]) for number in numbers]))
            for row in np.flatnonzero(prices.is_valid).tolist():
                found[numbers[row]] = prices.row(row)
        return found

    def key(self, values: Values) -> tuple[Any, ...]:
        """Return what two candidates share if and only if they are the same network."""
        variant, position = self._valid(values), self.position(values)
        structure, widths = self.space.structure(values), variant.widths(position)
        if 0 in widths.values():  # a branch that is left out has other widths too, which no longer matter
            ops = [op for layer in variant.plan(position).all_layers() for op in layer.ops]
            return (*structure.values(), *((op.name, op.output_shape, op.parameters, op.macs) for op in ops))
        return (*structure.values(), *widths.items())

    def _valid(self, values: Values) -> Variant:
        variant = self.variant(values)
        assert variant is not None
        return variant
