"""Rules about the 1x1 reductions before expensive convolutions."""

from collections.abc import Iterator

from archbuilder.lint.change import NewWidths
from archbuilder.lint.context import LintContext, area, is_transparent, kernel_text, multiple_of_8
from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.plan.plan import NETWORK_INPUT, PlannedOp
from archbuilder.primitives import Convolution

_SHARE_OF_LAYER = 0.2
_SHARE_OF_NETWORK = 0.01
_LEAST_REDUCED = 8  # input channels; an image has too few to reduce
_EXPENSIVE = 9  # taps of a kernel


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _unreduced(context: LintContext) -> Iterator[Finding]:
    """Find expensive first convolutions of branches without a 1x1 reduction before them."""
    layers = {layer.name: layer for layer in context.plan.layers}
    for fork in context.forks:
        if fork.fork.merge.op.type != "concat":
            continue
        for ops in fork.branches:
            first = next((op for op in ops if isinstance(op.op, Convolution)), None)
            if _reduced_before(context, ops):
                continue
            if first is None or area(first) < _EXPENSIVE or first.op.groups > 1 or first.layer not in layers:  # type: ignore[union-attr]
                continue
            whole, channels = layers[first.layer].macs, first.input_shapes[0][0]
            if channels < _LEAST_REDUCED:
                continue
            if first.macs < _SHARE_OF_LAYER * whole or first.macs < _SHARE_OF_NETWORK * context.plan.macs:
                continue
            reduced = channels // 2
            cost = first.macs * reduced // channels + channels * reduced * fork.input_shape[1] * fork.input_shape[2]
            if cost >= first.macs:
                continue
            message = (
                f"its {kernel_text(first)} takes all {channels} channels without a 1x1 reduction: {first.macs:,} MACs, "
                f"{_percent(first.macs, whole)} of the layer; with a reduction to {reduced} it would cost {cost:,}"
            )
            owner = context.owner(first)
            yield Finding(
                UNREDUCED.code, owner, message, context.place(owner, context.searchable_width(first)), op=first.name
            )


def _reduced_before(context: LintContext, ops: tuple[PlannedOp, ...]) -> bool:
    """Return whether the input of the fork is the output of a 1x1 reduction."""
    number = ops[0].inputs[0] if ops else NETWORK_INPUT
    while number != NETWORK_INPUT:
        op = context.plan.ops[number]
        if not is_transparent(op) or len(op.inputs) > 1:
            return area(op) == 1 and op.output_shape[0] < op.input_shapes[0][0]
        number = op.inputs[0]
    return False


def _reductions(context: LintContext) -> Iterator[Finding]:
    """Find 1x1 convolutions before expensive ones that do not reduce the channels."""
    for op in context.convolutions:
        before = context.before(op)
        if before is None or area(op) < _EXPENSIVE or op.op.groups > 1 or area(before) != 1:  # type: ignore[union-attr]
            continue
        inputs, outputs = before.input_shapes[0][0], before.output_shape[0]
        if outputs < inputs or inputs < _LEAST_REDUCED or op.macs < _SHARE_OF_NETWORK * context.plan.macs:
            continue
        reduction = context.searchable_width(before)
        message = (
            f"the 1x1 before its {kernel_text(op)} does not reduce ({outputs} of {inputs} channels): the "
            f"{kernel_text(op)} costs {op.macs:,} MACs, {_percent(op.macs, context.plan.macs)} of the network"
        )
        change, owner, value = None, context.owner(before), multiple_of_8(inputs / 2)
        # A width that other convolutions share, such as that of a bottleneck, would change the output of the block.
        if reduction and inputs >= 16 and context.keeps_the_rest(reduction, value, op):
            change = NewWidths({reduction.name: value})
        yield Finding(UNREDUCING.code, owner, message, context.place(owner, reduction), change, op=before.name)


_STEM = "{name: stem, type: conv, out: 64, kernel: 3, stride: 2, padding: 1}"

UNREDUCED = Rule(
    code="AB103",
    name="expensive convolution without a reduction",
    reason="A 1x1 convolution that reduces the channels makes the large convolution after it cheap.",
    argument="""
*Going Deeper with Convolutions* (Szegedy et al., 2014, arXiv:1409.4842, section 4): in the naive block, even a modest
number of 5x5 convolutions is prohibitively expensive on a layer with many channels, so 1x1 convolutions first reduce
the channels. *Rethinking the Inception Architecture* (Szegedy et al., 2015, arXiv:1512.00567, section 2, principle 3)
adds that neighboring values are strongly correlated, so that little is lost.

The rule considers the first convolution of each branch of a concatenation, if its kernel has at least nine elements
and there is no 1x1 reduction directly before the fork. It reports one that takes at least 20 % of its layer's MACs
and 1 % of the network's (both thresholds are ours), if a reduction to half the channels would save MACs.
""",
    bad=example(
        _STEM,
        "{name: mix, concat: [[{type: conv, out: 32, kernel: 1}], [{type: conv, out: 64, kernel: 5, padding: 2}]]}",
    ),
    good=example(
        _STEM,
        "{name: mix, type: inception, 1x1: 32, 3x3red: 24, 3x3: 32, 5x5red: 16, 5x5: 64, pool_proj: 16}",
    ),
    check=_unreduced,
)

UNREDUCING = Rule(
    code="AB104",
    name="reduction that does not reduce",
    reason="A 1x1 before a large convolution only saves MACs if it outputs fewer channels than its input has.",
    argument="""
*Going Deeper with Convolutions* (Szegedy et al., 2014, arXiv:1409.4842, section 4): the 1x1 convolutions before the
3x3 and 5x5 ones remove computational bottlenecks, and add a nonlinearity. A 1x1 with as many output as input channels
adds its own cost and saves nothing.

The rule considers convolutions with kernels of at least nine elements that take at least 1 % of the network's MACs
(our threshold), and the 1x1 convolution before them; norms and activations between the two are ignored.
""",
    bad=example(_STEM, "{name: mix, type: inception, 1x1: 32, 3x3red: 64, 3x3: 64, 5x5red: 8, 5x5: 16, pool_proj: 16}"),
    good=example(
        _STEM, "{name: mix, type: inception, 1x1: 32, 3x3red: 32, 3x3: 64, 5x5red: 8, 5x5: 16, pool_proj: 16}"
    ),
    check=_reductions,
    fix="sets the reduction to half the input channels, rounded to a multiple of 8",
)
