"""The cost of a spec as a function of its searchable widths, for many candidates at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archbuilder.costs.guards import Guards, Mask
from archbuilder.costs.polynomials import Atoms, Polynomials
from archbuilder.costs.quantities import polynomials
from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import plan_network, try_plan
from archbuilder.plan.recorder import LARGEST_ACTIVATION, LARGEST_PARAMETERS
from archbuilder.plan.symbols import terms_of
from archbuilder.plan.trace import Guard, Terms, Trace, without
from archbuilder.primitives.fields import LARGEST_WIDTH
from archbuilder.spec.document import SpecDocument

_CHUNK = 256  # candidates, whose monomials fit the processor's cache
_MAX_VARIANTS = 64


@dataclass(frozen=True)
class Prices:
    """The costs of candidates, for one image in evaluation, without heads.

    Attributes:
        counts: The count of each candidate, by quantity.
        is_valid: Whether a candidate is a valid network; the counts of invalid ones are 0.
    """

    counts: Mapping[str, NDArray[np.int64]]
    is_valid: NDArray[np.bool_]

    @property
    def macs(self) -> NDArray[np.int64]:
        """Multiply-adds of each candidate."""
        return self.counts["macs"]

    @property
    def parameters(self) -> NDArray[np.int64]:
        """Trainable parameters of each candidate."""
        return self.counts["parameters"]

    def row(self, candidate: int) -> dict[str, int]:
        """Return the costs of one candidate by quantity."""
        return {name: int(counts[candidate]) for name, counts in self.counts.items()}


class CostFunction:
    """The cost of a spec as a function of its searchable widths, compiled from its plan.

    The spec is planned with symbols instead of its widths, so that its costs are polynomials. These are valid for all
    widths with the same outcome of every condition. For other outcomes, for example of a `when:`, the spec is planned
    again, and the new polynomials are added as a variant.

    Attributes:
        names: The names of the widths that vary, in the order of the columns of `price`.
    """

    def __init__(self, document: SpecDocument, names: Sequence[str] | None = None) -> None:
        """Plan the spec and compile its costs.

        Args:
            document: The spec.
            names: The names of the widths that vary, by default all; other widths keep their values.

        Raises:
            SpecError: The spec is wrong.
            ArchbuilderError: A name is unknown.
        """
        plan = plan_network(document)
        self._document = document
        self.names = tuple(plan.searchable_widths if names is None else names)
        for name in self.names:
            if name not in plan.searchable_widths:
                raise ArchbuilderError(f"{plan.name} has no width {name!r}{did_you_mean(name, plan.searchable_widths)}")
        self._known = set(self.names)
        self._quantities = polynomials()
        self._variants: list[Variant] = []
        values = {name: plan.searchable_widths[name].value for name in self.names}
        nowhere_zero = {name: value or 1 for name, value in values.items()}
        self._add_variant(nowhere_zero) or self._add_variant(values)

    def price(self, candidates: Any) -> Prices:
        """Compute the costs of candidates.

        Args:
            candidates: A row for each candidate, a column for each of `self.names`: integers, as NumPy takes them.

        Raises:
            ArchbuilderError: The matrix has the wrong shape, a width is not an integer of at least 0, or a count
                exceeds 64 bits.
        """
        matrix = self._checked_matrix(candidates)
        too_wide: Mask = np.any(matrix > LARGEST_WIDTH, axis=1)  # invalid, and might not fit 64 bits
        if too_wide.any():
            matrix = np.where(too_wide[:, None], 0, matrix)
        counts = np.zeros((len(self._quantities), len(matrix)), dtype=np.int64)
        is_valid = np.zeros(len(matrix), dtype=bool)
        for start in range(0, len(matrix), _CHUNK):
            part = slice(start, start + _CHUNK)
            try:
                counts[:, part], is_valid[part] = self._price_chunk(matrix[part], start)
            except OverflowError:
                for row in range(start, min(start + _CHUNK, len(matrix))):
                    counts[:, row], is_valid[row] = self._price_by_planning(matrix[row], row)
        is_valid &= ~too_wide
        return Prices(dict(zip(self._quantities, np.where(is_valid, counts, 0), strict=True)), is_valid)

    def price_one(self, widths: Mapping[str, int]) -> dict[str, int] | None:
        """Return the costs of one candidate; None if it is invalid.

        Args:
            widths: The widths by name, for all of `self.names`.

        Raises:
            ArchbuilderError: A width is missing or unknown; or as in `price`.
        """
        if widths.keys() != self._known:
            missing = [name for name in self.names if name not in widths]
            unknown = [name for name in widths if name not in self._known]
            what = f"lacks {missing[0]!r}" if missing else f"has an unknown width {unknown[0]!r}"
            raise ArchbuilderError(
                f"a candidate has a width for each of {len(self.names)} searchable widths: this one {what}"
            )
        prices = self.price([[widths[name] for name in self.names]])
        return prices.row(0) if prices.is_valid[0] else None

    def __repr__(self) -> str:
        return f"CostFunction({self._document.header.name!r}: {len(self.names)} widths)"

    def _price_by_planning(self, row: NDArray[np.int64], candidate: int) -> tuple[list[int], bool]:
        """Price a candidate by planning it, for which intermediate results of the polynomials may exceed 64 bits.

        Raises:
            ArchbuilderError: A count does not fit 64 bits; `candidate` is its position.
        """
        plan = try_plan(self._document, self._widths(row))[0]
        counts = [quantity.of(plan) if plan else 0 for quantity in self._quantities.values()]
        if max(counts) >= 2**63:
            raise ArchbuilderError(
                f"candidate {candidate:,}: one of its counts is 2**63 or more, too large for 64 bits"
            )
        return counts, plan is not None

    def _checked_matrix(self, candidates: Any) -> NDArray[np.int64]:
        """Return candidates as int64, candidates x widths; raise an error for other shapes and values."""
        matrix = np.asarray(candidates)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.names):
            raise ArchbuilderError(
                f"found an array of shape {matrix.shape}, expected (candidates, {len(self.names)}): a column for each "
                "searchable width"
            )
        if (matrix.size and not np.issubdtype(matrix.dtype, np.integer)) or (matrix.size and matrix.min() < 0):
            raise ArchbuilderError("found widths that are not integers of at least 0")
        return matrix.astype(np.int64, copy=False)

    def _price_chunk(self, matrix: NDArray[np.int64], start: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Price up to `_CHUNK` candidates; return counts (quantities x candidates) and which are valid."""
        counts = np.zeros((len(self._quantities), len(matrix)), dtype=np.int64)
        is_valid, undecided = np.zeros(len(matrix), dtype=bool), np.ones(len(matrix), dtype=bool)
        if self._variants:  # the first one covers nearly all candidates
            counts, is_valid, invalid = self._variants[0].price(matrix)
            undecided = ~(is_valid | invalid)
            counts[:, ~is_valid] = 0
        for variant in self._variants[1:]:
            self._fill_remaining(variant, matrix, undecided, counts, is_valid)
        while undecided.any():
            candidate = int(np.flatnonzero(undecided)[0])
            if len(self._variants) < _MAX_VARIANTS and self._add_variant(self._widths(matrix[candidate])):
                for variant in self._variants[-2:]:
                    self._fill_remaining(variant, matrix, undecided, counts, is_valid)
            else:
                counts[:, candidate], is_valid[candidate] = self._price_by_planning(
                    matrix[candidate], start + candidate
                )
            undecided[candidate] = False
        return counts, is_valid

    def _widths(self, row: NDArray[np.int64]) -> dict[str, int]:
        return dict(zip(self.names, map(int, row), strict=True))

    @staticmethod
    def _fill_remaining(
        variant: "Variant",
        matrix: NDArray[np.int64],
        undecided: NDArray[np.bool_],
        counts: NDArray[np.int64],
        is_valid: NDArray[np.bool_],
    ) -> None:
        """Price the undecided candidates with a variant; store those that it decides, and mark them as decided."""
        rows = np.flatnonzero(undecided)
        if not len(rows):
            return
        variant_counts, holds, invalid = variant.price(matrix[rows])
        counts[:, rows[holds]] = variant_counts[:, holds]
        is_valid[rows[holds]] = True
        undecided[rows[holds | invalid]] = False

    def _add_variant(self, widths: Mapping[str, int]) -> bool:
        """Trace a variant at these widths and add it; return whether that was possible."""
        trace = Trace()
        plan = try_plan(self._document, widths, trace)[0]
        if plan is None:
            return False
        _guard_limits(plan, trace)
        try:
            variants = self._compiled_variants(plan, trace)
            traced = self._checked_matrix([[widths[name] for name in self.names]])
            if not any(variant.price(traced)[1][0] for variant in variants):
                return False  # the variant must hold at the widths that it was traced at
        except OverflowError:
            return False
        self._variants += variants
        return True

    def _compiled_variants(self, plan: Plan, trace: Trace) -> "list[Variant]":
        """Compile a traced plan; if branches can be removed, precede it by a shorter variant without removals."""
        totals, guards = (
            [terms_of(quantity.count(plan)) for quantity in self._quantities.values() if quantity.count],
            list(trace.guards.values()),
        )
        variants = [Variant(trace, self.names, totals, guards)]
        present = {number for number, atom in enumerate(trace.atoms) if atom.kind == "present"}
        if present:
            # Most candidates remove no branch: their polynomials are much shorter, and are tried first.
            nonzero = [Guard(terms, "==", False) for n in present for terms in trace.atoms[n].operands]
            totals = [without(terms, present) for terms in totals]
            guards = [guard._replace(terms=without(guard.terms, present)) for guard in guards]
            variants.insert(0, Variant(trace, self.names, totals, [*guards, *nonzero]))
        return variants


def _guard_limits(plan: Plan, trace: Trace) -> None:
    """Add guards for the limits of a plan, heads included; the guard of activations is stricter than its limit."""
    with trace.requiring():
        bool(plan.parameters + plan.head_parameters <= LARGEST_PARAMETERS)
    ops = [op for layer in plan.all_layers() for op in layer.ops]
    bool(sum(prod(op.output_shape) for op in ops) <= LARGEST_ACTIVATION)


class Variant:
    """Compiled costs, with the guards that say for which widths they are valid."""

    def __init__(self, trace: Trace, names: Sequence[str], totals: Sequence[Terms], guards: Sequence[Guard]) -> None:
        self._guards = Guards(guards, trace)
        self._atoms = Atoms(trace, names)
        self._totals = len(totals)
        self._polynomials = Polynomials([*totals, *self._guards.terms], len(trace.atoms))

    def price(self, matrix: NDArray[np.int64]) -> tuple[NDArray[np.int64], Mask, Mask]:
        """Return the counts (quantities x candidates), for which candidates these are valid, and which are invalid."""
        columns = self._atoms(matrix)
        values = self._polynomials(columns)
        holds, free = self._guards(columns, values[self._totals :])
        return values[: self._totals], holds, free & ~holds
