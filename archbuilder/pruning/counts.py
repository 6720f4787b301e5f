"""What networks of other widths cost, and how many channels their operations have, for many at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archbuilder.costs.function import Variant
from archbuilder.costs.quantities import polynomials
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.planner import try_plan
from archbuilder.plan.symbols import Number, Symbol, terms_of
from archbuilder.plan.trace import Terms, Trace, without

Row = tuple[int, ...]  # the widths of a network, in the order of their names

Channels = Mapping[str, NDArray[np.int64]]
"""The number of output channels of each operation, for each of some networks."""


class Counts:
    """Costs and channels as functions of the widths of a spec, where the network keeps its operations and its output.

    Attributes:
        names: The names of the widths.
        full: Their values in the spec.
        quantities: The names of the costs.
        equalities: Sums of widths that must be 0, by column: where channels are added, their numbers are equal.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        """Plan the spec with symbols in place of its widths."""
        self.names, self.full = tuple(spec.widths), tuple(spec.widths.values())
        self.quantities = tuple(polynomials())
        # Traced with the branches that are not there, if the network has no other operations with them.
        for widths in ({name: width or 1 for name, width in spec.widths.items()}, spec.widths):
            trace = Trace()
            plan = try_plan(spec.document, widths, trace)[0]
            if plan is None:
                continue
            symbols: dict[str, Number] = {
                op.name: op.output_shape[0] for layer in plan.all_layers() for op in layer.ops
            }
            channels = {name: it.terms for name, it in symbols.items() if isinstance(it, Symbol)}
            totals = [terms_of(quantity.count(plan)) for quantity in polynomials().values() if quantity.count]
            self._ops, guards = tuple(channels), list(trace.guards.values())
            last = plan.layers[-1].ops[-1].name  # a map that the network ends in keeps its channels
            self._output = self._ops.index(last) if last in channels else None
            self._output_channels = spec.plan().output_shape[0]
            self._variant = Variant(trace, self.names, [*totals, *channels.values()], guards)
            self.equalities = _equalities(trace, {name: column for column, name in enumerate(self.names)})
            if self([self.full])[0][0]:
                break

    def __call__(self, rows: list[Row]) -> tuple[NDArray[np.bool_], Mapping[str, Any], Channels]:
        """Return, for each row: whether it is valid so; costs by quantity; channels by operation."""
        values, holds, _ = self._variant.price(np.array(rows, dtype=np.int64))
        first = len(self.quantities)
        if self._output is not None:
            holds = holds & (values[first + self._output] == self._output_channels)
        costs = dict(zip(self.quantities, values[:first], strict=True))
        return holds, costs, dict(zip(self._ops, values[first:], strict=True))


def _equalities(trace: Trace, columns: Mapping[str, int]) -> list[dict[int, int]]:
    """Return the sums of widths that planning found to be 0, as the factor of each width by its column."""
    present = {number for number, atom in enumerate(trace.atoms) if atom.kind == "present"}
    found = []
    for guard in trace.guards.values():
        if guard.relation == "==" and guard.outcome:
            factors = _linear(trace, without(guard.terms, present), columns)
            if factors and factors not in found:
                found.append(factors)
    return found


def _linear(trace: Trace, terms: Terms, columns: Mapping[str, int]) -> dict[int, int] | None:
    """Return the factors of a sum of widths, or of rounded widths; None for any other polynomial."""
    factors: dict[int, int] = {}
    for monomial, factor in terms.items():
        if not monomial:
            continue
        name = trace.width_name({monomial: 1}) if len(monomial) == 1 else None
        if name is None:
            return None
        factors[columns[name]] = factors.get(columns[name], 0) + factor
    return factors
