"""A few widths of a spec set to many values in turn: the text and the costs of each, without planning it again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from archbuilder.costs.function import Variant
from archbuilder.costs.quantities import polynomials
from archbuilder.costs.tensors import ForwardSimulation
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.plan.symbols import terms_of
from archbuilder.plan.trace import Terms, Trace
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.edit import Value, set_values

_SHARED = re.compile(r"[&*]\w|<<")  # anchors, aliases and merge keys: a value may stand for several
_BYTES = 4
_MOST_VARIANTS = 8


@dataclass(frozen=True)
class WidthStep:
    """A spec with other widths.

    Attributes:
        text: Its text; every `in` follows, and comments and layout are kept.
        costs: Its amounts by quantity, with `memory`: the peak of bytes for one image in evaluation, with weights.
    """

    text: str
    costs: Mapping[str, int]


class WidthSteps:
    """The texts and costs of a spec as functions of some of its widths.

    They are compiled from a plan with symbols in place of the widths, as `CostFunction` is, and hold where every
    condition of that plan has the same outcome; elsewhere the spec is planned again.
    """

    def __init__(self, document: SpecDocument, names: Sequence[str]) -> None:
        """Name the widths; the spec is planned with the first values that are asked for.

        Raises:
            ArchbuilderError: The text has anchors, multipliers, or widths of an extended file, with which one value may
                stand for several: `NetworkSpec.set` knows these.
        """
        if document.is_multiplied or document.files.base is not None or document.files.included:
            raise ArchbuilderError("the spec extends, includes or multiplies")
        if _SHARED.search(document.source.text):
            raise ArchbuilderError("the spec has anchors")
        self._document, self._names = document, tuple(names)
        self._variants: list[_Steps] = []

    def at(self, widths: Mapping[str, int]) -> WidthStep | None:
        """Return the spec with these widths, by name and for all of the names; None if it is not a valid network."""
        for variant in self._variants:
            if (found := variant.at(widths)) is not None:
                return found
        trace = Trace()
        plan = try_plan(self._document, {name: widths[name] for name in self._names}, trace)[0]
        if plan is None:
            return None
        variant = _Steps(self._document, self._names, plan, trace)
        self._variants = [variant, *self._variants[: _MOST_VARIANTS - 1]]
        return variant.at(widths)


class _Steps:
    """Costs and declared inputs, compiled, with the conditions under which they hold."""

    def __init__(self, document: SpecDocument, names: tuple[str, ...], plan: Plan, trace: Trace) -> None:
        self._source, self._names = document.source, names
        self._widths = {name: plan.searchable_widths[name] for name in names}
        self._inputs = [one for one in plan.declared_inputs if document.claims(one.node.entries["in"].value)]
        counted = {name: quantity.count(plan) for name, quantity in polynomials().items() if quantity.count}
        self._quantities = tuple(counted)
        live = _live_bytes(plan)
        wanted: list[Terms] = [terms_of(amount) for amount in (*counted.values(), *live)]
        wanted += [terms_of(declared.channels) for declared in self._inputs]
        self._steps = slice(len(counted), len(counted) + len(live))
        self._variant = Variant(trace, names, wanted, list(trace.guards.values()))

    def at(self, widths: Mapping[str, int]) -> WidthStep | None:
        """Return the spec with these widths; None if a condition has another outcome, or a count is too large."""
        try:
            row = np.array([[widths[name] for name in self._names]], dtype=np.int64)
            found, holds, _ = self._variant.price(row)
        except OverflowError:
            return None
        if not holds[0]:
            return None
        amounts = [int(value) for value in found[:, 0]]
        costs = dict(zip(self._quantities, amounts, strict=False))
        costs["memory"] = max(amounts[self._steps], default=0) + _BYTES * costs["parameters"]
        return WidthStep(self._text(widths, amounts[self._steps.stop :]), costs)

    def _text(self, widths: Mapping[str, int], channels: Sequence[int]) -> str:
        """Return the text with the widths, and with the input channels that follow from them."""
        values = [
            Value("", "", width.node, width.key, widths[name])
            for name, width in self._widths.items()
            if width.key in width.node.entries or widths[name] != width.default  # a default stays unwritten
        ]
        for declared, found in zip(self._inputs, channels, strict=True):
            values.append(Value("", "", declared.node, "in", found))
        return set_values(self._source, values).text


def _live_bytes(plan: Plan) -> list[int]:
    """Return the bytes that are live while each op runs, and before the first, as numbers or symbols."""
    run = ForwardSimulation(1, _BYTES)
    images = run.make(prod(plan.input_shape) * _BYTES)
    start = run.live
    run.run_nodes(plan.trees, images)
    return [start, *(made.live for step in run.steps for made in step.made)]
