"""What candidates cost, many at once: by the polynomials of each way that a space lets the network be made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archbuilder.costs.function import CostFunction
from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.study.budget import Limits, memory_of
from archbuilder.study.hyperparameters import Value, Values, WidthParameter
from archbuilder.study.space import Space

Positions = NDArray[np.int64]
"""Candidates by the numbers of their values: a row a candidate, a column for each parameter that sets widths."""


@dataclass(frozen=True)
class Priced:
    """What candidates cost.

    Attributes:
        costs: By quantity, an element for each candidate; 0 for one that is no network.
        is_valid: Which candidates are networks.
    """

    costs: Mapping[str, NDArray[np.int64]]
    is_valid: NDArray[np.bool_]

    def within(self, limits: Limits) -> NDArray[np.bool_]:
        """Tell which are networks within limits, as far as these are counted."""
        found = self.below(limits)
        for name, limit in limits.by_quantity.items():
            if name in self.costs:
                found = found & (self.costs[name] >= limit.low)
        return found

    def below(self, limits: Limits) -> NDArray[np.bool_]:
        """Tell which are networks that exceed no limit, as far as these are counted."""
        found = self.is_valid.copy()
        for name, limit in limits.by_quantity.items():
            if name in self.costs:
                found &= self.costs[name] <= limit.high
        return found

    def row(self, row: int) -> dict[str, int]:
        """Give the cost of one candidate."""
        return {name: int(counts[row]) for name, counts in self.costs.items()}


class Variant:
    """The network made in one of the ways that a space lets it be made; its widths still vary.

    Attributes:
        spec: The network with the widths of the spec.
        hyperparameters: The hyperparameters of the space that set widths; the columns of candidates.
        active: Which of them set a width that this network has.
    """

    def __init__(self, spec: NetworkSpec, hyperparameters: Sequence[WidthParameter], quantities: Iterable[str]) -> None:
        self.spec = spec
        self.parameters = tuple(hyperparameters)
        names = [name for parameter in hyperparameters for name in parameter.width_names]
        self._columns = [column for column, name in enumerate(names) if name in spec.widths]
        self._width_names = [names[column] for column in self._columns]
        self.active = np.array(
            [any(name in spec.widths for name in parameter.width_names) for parameter in hyperparameters], dtype=bool
        )
        self._costs = CostFunction(spec.document, self._width_names)
        self._counts_memory = "memory" in quantities
        self._memories: dict[tuple[int, ...], int] = {}

    def width_rows(self, positions: Positions) -> NDArray[np.int64]:
        """Return the widths that this network has: candidates x widths."""
        widths = [parameter.table[positions[:, column]] for column, parameter in enumerate(self.parameters)]
        return np.concatenate(widths, axis=1)[:, self._columns] if widths else np.zeros((len(positions), 0), np.int64)

    def widths(self, position: NDArray[np.int64]) -> dict[str, int]:
        """Return the widths of one candidate by name."""
        return dict(zip(self._width_names, map(int, self.width_rows(position[None])[0]), strict=True))

    def price(self, positions: Positions, limits: Limits | None = None) -> Priced:
        """Price candidates.

        Args:
            positions: The candidates.
            limits: What they may cost, if only that is asked: the memory of what exceeds a count is not counted.
        """
        widths = self.width_rows(positions)
        prices = self._costs.price(widths)
        costs = dict(prices.counts)
        priced = Priced(costs, prices.is_valid)
        if self._counts_memory:
            asked = prices.is_valid if limits is None else priced.below(limits)
            costs["memory"] = np.array(
                [
                    self._memory(tuple(row)) if is_asked else 0
                    for row, is_asked in zip(widths.tolist(), asked, strict=True)
                ],
                dtype=np.int64,
            )
        return priced

    def plan(self, position: NDArray[np.int64]) -> Plan | None:
        """Plan one candidate; None if it is no network."""
        return try_plan(self.spec.document, self.widths(position))[0]

    def _memory(self, widths: tuple[int, ...]) -> int:
        """Count the memory of a network; each is planned once, as that takes milliseconds."""
        if widths not in self._memories:
            plan = try_plan(self.spec.document, dict(zip(self._width_names, widths, strict=True)))[0]
            self._memories[widths] = 0 if plan is None else memory_of(plan)
        return self._memories[widths]


class Pricer:
    """Prices the candidates of a space."""

    def __init__(self, spec: NetworkSpec, space: Space, quantities: Iterable[str]) -> None:
        """Price around a spec.

        Args:
            spec: The network.
            space: What varies.
            quantities: What is bounded: memory is counted only if it is.
        """
        self._spec, self._space, self._quantities = spec, space, frozenset(quantities)
        self._variants: dict[tuple[tuple[str, Value], ...], Variant | None] = {}

    @cached_property
    def own(self) -> Variant:
        """The network made as the spec makes it."""
        return Variant(self._spec, self._space.width_parameters, self._quantities)

    def variant(self, values: Values) -> Variant | None:
        """Give the network made as a candidate makes it, its widths still open; None if it is no network."""
        structure = self._space.structure(values)
        if not structure:
            return self.own
        key = tuple(structure.items())
        if key not in self._variants:
            self._variants[key] = self._made(structure)
        return self._variants[key]

    def position(self, values: Values) -> NDArray[np.int64]:
        """Give the numbers of a candidate's widths."""
        return np.array(
            [parameter.position(values[parameter.name]) for parameter in self._space.width_parameters], dtype=np.int64
        )

    def values(self, position: NDArray[np.int64], like: Values) -> dict[str, Value]:
        """Give the candidate with these widths and the other choices of another."""
        widths = {
            parameter.name: parameter.values[int(number)]
            for parameter, number in zip(self._space.width_parameters, position, strict=True)
        }
        return {
            parameter.name: widths.get(parameter.name, like.get(parameter.name, ""))
            for parameter in self._space.hyperparameters
        }

    def spec(self, values: Values) -> NetworkSpec:
        """Give a candidate as a spec, comments and layout kept.

        Raises:
            SpecError: It is no network.
        """
        variant = self.variant(values)
        assert variant is not None
        return variant.spec.set(variant.widths(self.position(values)))

    def plan(self, values: Values) -> Plan:
        """Plan a candidate, which is a network."""
        variant = self.variant(values)
        plan = None if variant is None else variant.plan(self.position(values))
        assert plan is not None
        return plan

    def cost(self, values: Values) -> dict[str, int] | None:
        """Price one candidate; None if it is no network."""
        variant = self.variant(values)
        if variant is None:
            return None
        priced = variant.price(self.position(values)[None])
        return priced.row(0) if priced.is_valid[0] else None

    def key(self, values: Values) -> tuple[Any, ...]:
        """Give what two candidates share if and only if they are the same network."""
        variant = self.variant(values)
        assert variant is not None
        structure, widths = self._space.structure(values), variant.widths(self.position(values))
        if 0 in widths.values() and (plan := variant.plan(self.position(values))) is not None:
            # A branch that is left out has other widths too, which no longer matter.
            ops = [op for layer in plan.all_layers() for op in layer.ops]
            return (*structure.values(), *((op.name, op.output_shape, op.parameters, op.macs) for op in ops))
        return (*structure.values(), *widths.items())

    def _made(self, structure: Mapping[str, Value]) -> Variant | None:
        try:
            spec = self._spec.set(structure)
        except ArchbuilderError:
            return None
        return Variant(spec, self._space.width_parameters, self._quantities)
