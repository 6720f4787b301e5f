"""Rules about large kernels that smaller ones can replace."""

from collections.abc import Iterator
from itertools import pairwise
from math import sqrt

from archbuilder.lint.change import NewLayers, can_replace
from archbuilder.lint.context import LintContext, kernel_text, multiple_of_8
from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.plan.plan import PlannedOp
from archbuilder.primitives import Convolution
from archbuilder.spec.emitter import to_yaml
from archbuilder.spec.entries import LayerEntry
from archbuilder.spec.nodes import plain

_WORDS = {2: "two", 3: "three", 4: "four", 5: "five"}
_LEAST_SAVED = 0.005  # of the network's MACs
_MEDIUM = range(12, 21)  # the maps on which the paper found n x 1 kernels to work well


def _candidates(context: LintContext) -> Iterator[tuple[PlannedOp, int]]:
    """Yield square convolutions of at least 5x5 that keep the size of the map, and the side of the kernel."""
    for op in context.convolutions:
        assert isinstance(op.op, Convolution)
        high, wide = op.op.kernel_size
        plain_one = op.op.groups == 1 and op.op.stride == op.op.dilation == (1, 1)
        if high == wide >= 5 and high % 2 and plain_one and op.input_shapes[0][1:] == op.output_shape[1:]:
            yield op, high


def _between(op: PlannedOp) -> int:
    """Return the channels between two convolutions: the geometric mean, as the paper's section 3.1 has them grow."""
    return multiple_of_8(sqrt(op.input_shapes[0][0] * op.output_shape[0]))


def _stacked(context: LintContext) -> Iterator[Finding]:
    """Find large kernels that a stack of 3x3 convolutions can replace."""
    for op, side in _candidates(context):
        if op.output_shape[1] in _MEDIUM and op.output_shape[2] in _MEDIUM:
            continue  # AB108 saves more there
        between, count = _between(op), (side - 1) // 2
        widths = [op.input_shapes[0][0], *[between] * (count - 1), op.output_shape[0]]
        taps = sum(9 * a * b for a, b in pairwise(widths))
        yield from _finding(
            STACKED.code, context, op, taps, f"{_WORDS.get(count, count)} 3x3", [(3, 3)] * count, between
        )


def _asymmetric(context: LintContext) -> Iterator[Finding]:
    """Find large kernels on maps of medium size that 1xn and nx1 convolutions can replace."""
    for op, side in _candidates(context):
        if op.output_shape[1] not in _MEDIUM or op.output_shape[2] not in _MEDIUM:
            continue
        between = _between(op)
        taps = side * between * (op.input_shapes[0][0] + op.output_shape[0])
        kernels = [(1, side), (side, 1)]
        yield from _finding(ASYMMETRIC.code, context, op, taps, f"1x{side} and {side}x1", kernels, between)


def _finding(
    code: str, context: LintContext, op: PlannedOp, taps: int, by: str, kernels: list[tuple[int, int]], between: int
) -> Iterator[Finding]:
    """Yield the finding if the replacement saves enough MACs; `taps` are its MACs at one position."""
    cost = taps * op.output_shape[1] * op.output_shape[2]
    saved = op.macs - cost
    if saved < _LEAST_SAVED * context.plan.macs:
        return
    message = (
        f"its {kernel_text(op)} costs {op.macs:,} MACs; {by} with {between} channels between would cost {cost:,} and "
        f"save {100 * saved / context.plan.macs:.1f} % of the network's MACs"
    )
    change = _change(context, op, kernels, between)
    owner = context.owner(op)
    yield Finding(code, owner, message, context.place(owner, context.searchable_width(op)), change, op=op.name)


def _change(context: LintContext, op: PlannedOp, kernels: list[tuple[int, int]], between: int) -> NewLayers | None:
    """Return the replacement of a `conv` of the file; None for one in a block, or with `repeat`, `from` or `when`."""
    member = context.member(op.layer)
    if context.owner(op) != op.layer:
        return None
    if not isinstance(member, LayerEntry) or member.type != "conv" or not can_replace(context.document, op.layer):
        return None
    if member.repeat is not None or member.sources or member.when is not None:
        return None
    keys = plain(member.node)
    layers = []
    for position, kernel in enumerate(kernels, start=1):
        last = position == len(kernels)
        name = op.layer if last else f"{op.layer}_{position}"
        size = {"kernel": kernel[0] if kernel[0] == kernel[1] else list(kernel), "padding": "same"}
        new = {**keys, "name": name, "out": keys["out"] if last else between, **size}
        if position > 1:
            new.pop("in", None)
        if not last:
            new.pop("lint", None)
        layers.append(new)
    return NewLayers(op.layer, [line.removeprefix("  - ") for line in to_yaml({"layers": layers}).splitlines()[1:]])


STACKED = Rule(
    code="AB107",
    name="large kernel replaceable by stacked 3x3",
    reason="Two 3x3 convolutions have the receptive field of one 5x5 and cost less.",
    argument="""
*Rethinking the Inception Architecture* (Szegedy et al., 2015, arXiv:1512.00567, section 3.1): a 5x5 kernel has 25
elements, two 3x3 kernels have 18, which is 28 % fewer for the same channels. The two have the same 5x5 receptive field
and a nonlinearity between them. A 7x7 becomes three 3x3.

The rule considers square kernels of at least 5x5 with a stride of 1. The channels in between are the geometric mean of
the input and output channels, rounded to a multiple of 8. It reports a kernel if at least 0.5 % of the network's MACs
would be saved (our threshold): after a strong reduction, two 3x3 may cost more.
""",
    bad=example(
        "{name: stem, type: conv, out: 32, kernel: 3, padding: 1}",
        "{name: large, type: conv, out: 64, kernel: 5, padding: 2}",
    ),
    good=example(
        "{name: stem, type: conv, out: 32, kernel: 3, padding: 1}",
        "{name: small1, type: conv, out: 48, kernel: 3, padding: 1}",
        "{name: small2, type: conv, out: 64, kernel: 3, padding: 1}",
    ),
    check=_stacked,
    fix="replaces a named `conv` in the list of the file by 3x3 convolutions",
)

ASYMMETRIC = Rule(
    code="AB108",
    name="large kernel replaceable by 1xn and nx1",
    reason="A 1xn and an nx1 convolution have the receptive field of an nxn at a fraction of the cost.",
    argument="""
*Rethinking the Inception Architecture* (Szegedy et al., 2015, arXiv:1512.00567, section 3.2): an n x n convolution can
be replaced by a 1 x n and an n x 1 one, and the saving grows with n. The paper found that this does not work well in
early layers, and works very well on maps of medium size, 12 to 20 pixels high and wide.

The rule considers square kernels of at least 5x5 with a stride of 1 on maps of 12 to 20 pixels; AB107 covers the
others. The channels in between are the geometric mean of the input and output channels, rounded to a multiple of 8. It
reports a kernel if at least 0.5 % of the network's MACs would be saved (our threshold).
""",
    bad=example(
        "{name: stem, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}",
        "{name: large, type: conv, out: 64, kernel: 7, padding: 3}",
    ),
    good=example(
        "{name: stem, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}",
        "{name: row, type: conv, out: 48, kernel: [1, 7], padding: [0, 3]}",
        "{name: column, type: conv, out: 64, kernel: [7, 1], padding: [3, 0]}",
    ),
    check=_asymmetric,
    fix="replaces a named `conv` in the list of the file by a 1xn and an nx1 convolution",
)
