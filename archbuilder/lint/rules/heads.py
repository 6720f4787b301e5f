"""Rules about auxiliary classifiers."""

from collections.abc import Iterator

from archbuilder.lint.context import LintContext
from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.primitives import Shape, shape_text

_NEAREST, _FARTHEST = 0.25, 0.9  # of the depth
_SMALLEST = 4  # pixels on a side


def _positions(context: LintContext) -> Iterator[Finding]:
    """Find heads that attach too near the image or the end."""
    for head in context.plan.heads:
        position = context.depths[head.tapped] / max(context.depth, 1)
        if _NEAREST <= position <= _FARTHEST:
            continue
        near = "the image" if position < _NEAREST else "the end"
        message = (
            f"the head attaches at {100 * position:.0f} % of the depth, too near {near}: {100 * _NEAREST:.0f} to "
            f"{100 * _FARTHEST:.0f} % is expected"
        )
        yield Finding(POSITION.code, head.name, message, context.place(head.name))


def _maps(context: LintContext) -> Iterator[Finding]:
    """Find heads whose input is a map of less than 4 pixels on a side."""
    for head in context.plan.heads:
        shape: Shape = head.layer.ops[0].input_shapes[0]
        if len(shape) == 3 and min(shape[1:]) < _SMALLEST:
            message = f"the input of the head is a map of {shape_text(shape)}; the minimum is {_SMALLEST} x {_SMALLEST}"
            yield Finding(SMALL.code, head.name, message, context.place(head.name))


_LAYERS = (
    "{name: conv1, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}",
    "{name: conv2, type: conv, out: 64, kernel: 3, stride: 2, padding: 1}",
    "{name: conv3, type: conv, out: 64, kernel: 3, padding: 1}",
    "{name: conv4, type: conv, out: 128, kernel: 3, stride: 4, padding: 1}",
)

POSITION = Rule(
    code="AB110",
    name="head too near the image or the end",
    reason="A head helps the middle of a network: early features do not separate classes yet, late ones need no help.",
    argument="""
*Going Deeper with Convolutions* (Szegedy et al., 2014, arXiv:1409.4842, section 5): the heads attach to the middle
of the network, to blocks 4a and 4d, whose features should already be discriminative, and bring gradients there.
*Rethinking the Inception Architecture* (arXiv:1512.00567, section 4) found that the lower head could be removed without
harm, and that heads act as regularizers.

The position is that of the tapped layer, counted in convolutions and linear layers on the longest path to it.
GoogLeNet's heads are at 41 % and 68 %. Our thresholds: below 25 % is too near the image, above 90 % too near the end.
""",
    bad=example(*_LAYERS, aux="{name: aux1, after: conv1, pool_output: 2, channels: 16, hidden: 32}"),
    good=example(*_LAYERS, aux="{name: aux1, after: conv2, pool_output: 2, channels: 16, hidden: 32}"),
    check=_positions,
)

SMALL = Rule(
    code="AB111",
    name="head on too small a map",
    reason="A head on a map with few positions repeats the work of the classifier.",
    argument="""
*Going Deeper with Convolutions* (Szegedy et al., 2014, arXiv:1409.4842, section 5): GoogLeNet's heads pool maps of
14 x 14 to 4 x 4 before their own convolution, so that they keep spatial information.

The rule reports a head whose input is less than 4 pixels high or wide (our threshold, from that pool).
""",
    bad=example(*_LAYERS, aux="{name: aux1, after: conv4, pool_output: 1, channels: 16, hidden: 32}"),
    good=example(*_LAYERS, aux="{name: aux1, after: conv3, pool_output: 2, channels: 16, hidden: 32}"),
    check=_maps,
)
