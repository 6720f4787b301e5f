"""Rules about how much information each map can hold."""

from collections.abc import Iterator
from itertools import pairwise, takewhile
from math import prod

from archbuilder.lint.context import LintContext, is_map
from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.plan.plan import PlannedOp
from archbuilder.primitives import shape_text

_EARLY = 1 / 3  # of the depth
_LEAST_EARLY = 0.2
_LEAST = 0.1


def _bottlenecks(context: LintContext) -> Iterator[Finding]:
    """Find ops on every path whose output keeps too small a share of the values before them."""
    before, start = context.plan.input_shape, 0
    for op in takewhile(is_map, context.cuts):
        share = prod(op.output_shape) / prod(before)
        position = context.depths[op.index] / max(context.depth, 1)
        least = _LEAST_EARLY if position <= _EARLY else _LEAST
        if share < least:
            message = (
                f"representational bottleneck: {shape_text(before)} -> {shape_text(op.output_shape)} keeps "
                f"{100 * share:.1f} % of the values, at {100 * position:.0f} % of the depth; the minimum "
                f"there is {100 * least:.0f} %"
            )
            owner = context.owner(op)
            yield Finding(
                BOTTLENECK.code, owner, message, context.place(owner, context.searchable_width(op)), op=op.name
            )
        if any(passed.parameters for passed in context.plan.ops[start : op.index + 1]):
            before = op.output_shape
        start = op.index + 1


def _growth(context: LintContext) -> Iterator[Finding]:
    """Find stages whose map is smaller than the map before, with no more channels."""
    ends: list[PlannedOp] = []  # the last op of each size of the map
    for op in takewhile(is_map, context.cuts):
        if ends and ends[-1].output_shape[1:] == op.output_shape[1:]:
            ends.pop()
        ends.append(op)
    for before, op in pairwise(ends):
        larger, smaller = before.output_shape, op.output_shape
        if prod(smaller[1:]) < prod(larger[1:]) and smaller[0] <= larger[0]:
            message = (
                f"the map shrinks from {shape_text(larger[1:])} to {shape_text(smaller[1:])} and its channels do not "
                f"grow: {larger[0]} before, {smaller[0]} at the end of the smaller map"
            )
            owner = context.owner(op)
            yield Finding(GROWTH.code, owner, message, context.place(owner), op=op.name)


BOTTLENECK = Rule(
    code="AB101",
    name="representational bottleneck",
    reason="Information lost in a narrow layer cannot be recovered, above all early in the network.",
    argument="""
*Rethinking the Inception Architecture* (Szegedy et al., 2015, arXiv:1512.00567, section 2, principle 1): information
flows from the image to the classifier. At any cut through the network, the size of the tensor limits how much
information passes. The size should decrease gently; extreme compression should be avoided, above all early.

The size is channels x height x width, measured at every op that all paths pass through. It is compared with the output
of the last layer with parameters before it, so that consecutive pools count as one step. The paper gives no threshold.
Ours: below 10 % is a bottleneck, and below 20 % in the first third of the depth, counted in convolutions. A pool that
halves height and width and keeps the channels keeps 25 %. The global pool and the layers after it are ignored.
""",
    bad=example(
        "{name: stem, type: conv, out: 64, kernel: 3, padding: 1}",
        "{name: narrow, type: conv, out: 16, kernel: 3, stride: 4, padding: 1}",
        "{name: wide, type: conv, out: 64, kernel: 3, padding: 1}",
    ),
    good=example(
        "{name: stem, type: conv, out: 32, kernel: 3, padding: 1}",
        "{name: smaller, type: conv, out: 64, kernel: 3, stride: 2, padding: 1}",
        "{name: wide, type: conv, out: 64, kernel: 3, padding: 1}",
    ),
    check=_bottlenecks,
)

GROWTH = Rule(
    code="AB102",
    name="channels that do not grow",
    reason="Where the map shrinks, more channels keep the representation from shrinking as fast.",
    argument="""
*Rethinking the Inception Architecture* (Szegedy et al., 2015, arXiv:1512.00567, sections 2 and 5): a map that is
pooled to half its height and width with the same channels holds a quarter of the values. The paper's grid reduction
goes from d x d maps of k channels to half the size with 2k channels, and in the networks of both papers every stage
has more channels than the one before.

A stage is a run of ops on the main path whose outputs have the same map size. The rule compares the channels at the
end of each stage with those at the end of the previous one.
""",
    bad=example(
        "{name: conv1, type: conv, out: 32, kernel: 3, padding: 1}",
        "{name: pool1, type: max_pool, kernel: 2}",
        "{name: conv2, type: conv, out: 32, kernel: 3, padding: 1}",
    ),
    good=example(
        "{name: conv1, type: conv, out: 32, kernel: 3, padding: 1}",
        "{name: pool1, type: max_pool, kernel: 2}",
        "{name: conv2, type: conv, out: 64, kernel: 3, padding: 1}",
    ),
    check=_growth,
)
