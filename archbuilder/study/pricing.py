"""What candidates cost, many at once: by the polynomials of each way that a space lets the network be made."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archbuilder.costs.function import CostFunction, Prices
from archbuilder.costs.quantities import QUANTITIES
from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.study.budget import Limits
from archbuilder.study.hyperparameters import Hyperparameter, Value, Values
from archbuilder.study.space import Space

Position = NDArray[np.int64]
"""The widths of a candidate, by the row numbers of their values: a number for each hyperparameter that sets widths."""
Positions = NDArray[np.int64]
"""Candidates x numbers."""
_KEPT_VARIANTS = 200
_KEPT_PLANS = 100_000


class Variant:
    """The network with its choices made, and its widths still free.

    Attributes:
        spec: The network with the baseline's widths.
        parameters: The hyperparameters that set widths.
        active: Which of them set a width that this network has.
        is_planned: Whether each candidate has to be planned, as a bounded quantity is not polynomial.
    """

    def __init__(self, spec: NetworkSpec, parameters: Sequence[Hyperparameter], bounded: Iterable[str]) -> None:
        self.spec = spec
        self.parameters = tuple(parameters)
        names = [name for parameter in parameters for name in parameter.names]
        self._columns = [column for column, name in enumerate(names) if name in spec.widths]
        self._names = [names[column] for column in self._columns]
        self.active = np.array([any(name in spec.widths for name in parameter.names) for parameter in parameters], bool)
        self._costs = CostFunction(spec.document, self._names)
        quantities = [QUANTITIES[name] for name in bounded]
        self._planned = [found for found in quantities if found.count is not None and not found.is_polynomial]
        self.is_planned = bool(self._planned)
        self._by_planning = lru_cache(_KEPT_PLANS)(self._planned_costs)

    def _rows(self, positions: Positions) -> NDArray[np.int64]:
        """Return the widths that this network has: candidates x widths."""
        widths = [parameter.table[positions[:, column]] for column, parameter in enumerate(self.parameters)]
        return np.concatenate(widths, axis=1)[:, self._columns] if widths else np.zeros((len(positions), 0), np.int64)

    def widths(self, position: Position) -> dict[str, int]:
        """Return the widths of one candidate by name."""
        return self._named(self._rows(position[None])[0])

    def price(self, positions: Positions, limits: Limits | None = None) -> Prices:
        """Price candidates; with limits, what takes planning is 0 for candidates that exceed others of them."""
        rows = self._rows(positions)
        prices = self._costs.price(rows)
        if not self._planned:
            return prices
        asked = prices.is_valid if limits is None else prices.is_valid & limits.below(prices.counts)
        costs = np.zeros((len(self._planned), len(rows)), np.int64)
        for number in np.flatnonzero(asked):
            costs[:, number] = self._by_planning(tuple(rows[number].tolist()))
        planned = {quantity.name: row for quantity, row in zip(self._planned, costs, strict=True)}
        return Prices({**prices.counts, **planned}, prices.is_valid)

    def plan(self, position: Position) -> Plan | None:
        """Plan one candidate; None if it is invalid."""
        return try_plan(self.spec.document, self.widths(position))[0]

    def _planned_costs(self, row: tuple[int, ...]) -> list[int]:
        plan = try_plan(self.spec.document, self._named(row))[0]
        return [0 if plan is None else quantity.of(plan) for quantity in self._planned]

    def _named(self, row: Iterable[int]) -> dict[str, int]:
        return dict(zip(self._names, map(int, row), strict=True))


class Pricer:
    """Prices the candidates of a space."""

    def __init__(self, spec: NetworkSpec, space: Space, bounded: Iterable[str]) -> None:
        """Price around a spec; of the quantities that are planned, those that are bounded."""
        self._spec, self._space, self._bounded = spec, space, tuple(bounded)
        self._variant = lru_cache(_KEPT_VARIANTS)(self._made)

    def _made(self, structure: tuple[tuple[str, Value], ...]) -> Variant | None:
        try:
            spec = self._spec.set(dict(structure)) if structure else self._spec
        except ArchbuilderError:
            return None
        return Variant(spec, self._space.width_parameters, self._bounded)

    def variant(self, values: Values) -> Variant | None:
        """Return the network with the choices of a candidate made, its widths still free; None if it is invalid."""
        return self._variant(tuple(self._space.structure(values).items()))

    def position(self, values: Values) -> Position:
        """Return the row numbers of a candidate's widths."""
        return np.array([p.position(values[p.name]) for p in self._space.width_parameters], dtype=np.int64)

    def values(self, position: Position, like: Values) -> dict[str, Value]:
        """Return the candidate with these widths and the other choices of another."""
        widths = {p.name: p.values[int(row)] for p, row in zip(self._space.width_parameters, position, strict=True)}
        return {name: widths.get(name, like.get(name, "")) for name in self._space.by_name}

    def spec(self, values: Values) -> NetworkSpec:
        """Return a candidate as a spec, comments and layout kept; raise a SpecError if it is invalid."""
        variant = self._valid(values)
        return variant.spec.set(variant.widths(self.position(values)))

    def plan(self, values: Values) -> Plan:
        """Plan a candidate, which is a valid network."""
        plan = self._valid(values).plan(self.position(values))
        assert plan is not None
        return plan

    def cost(self, values: Values) -> dict[str, int] | None:
        """Price one candidate; None if it is invalid."""
        variant = self.variant(values)
        prices = None if variant is None else variant.price(self.position(values)[None])
        return prices.row(0) if prices is not None and prices.is_valid[0] else None

    def key(self, values: Values) -> tuple[Any, ...]:
        """Return what two candidates share if and only if they are the same network."""
        variant, position = self._valid(values), self.position(values)
        structure, widths = self._space.structure(values), variant.widths(position)
        if 0 in widths.values() and (plan := variant.plan(position)) is not None:
            # A branch that is left out has other widths too, which no longer matter.
            ops = [op for layer in plan.all_layers() for op in layer.ops]
            return (*structure.values(), *((op.name, op.output_shape, op.parameters, op.macs) for op in ops))
        return (*structure.values(), *widths.items())

    def _valid(self, values: Values) -> Variant:
        variant = self.variant(values)
        assert variant is not None
        return variant
