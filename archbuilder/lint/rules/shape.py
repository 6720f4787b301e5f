"""Rules about the whole network: its balance of width and depth, and its receptive field."""

from collections.abc import Iterator
from itertools import takewhile

from archbuilder.costs.geometry import geometry
from archbuilder.lint.context import LintContext, is_map
from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example

_LEAST, _MOST = 1.0, 64.0  # channels of mean width for each layer of depth


def width_of(context: LintContext) -> float:
    """Return the mean of the convolutions' output channels, weighted by their MACs."""
    macs = sum(op.macs for op in context.convolutions)
    return sum(op.macs * op.output_shape[0] for op in context.convolutions) / macs


def _balance(context: LintContext) -> Iterator[Finding]:
    """Find a network whose mean width is out of proportion to its depth."""
    if not context.convolutions:
        return
    width = width_of(context)
    ratio = width / context.depth
    if _LEAST <= ratio <= _MOST:
        return
    what = f"deep for its width: below {_LEAST:.0f}" if ratio < _LEAST else f"wide for its depth: above {_MOST:.0f}"
    message = (
        f"{context.depth} layers deep and {width:.0f} channels wide (mean over MACs): {ratio:.2f} channels per layer, "
        f"{what}"
    )
    largest = max(context.convolutions, key=lambda op: op.macs)
    layer = context.owner(largest)
    yield Finding(BALANCE.code, layer, message, context.place(layer), op=largest.name)


def _field(context: LintContext) -> Iterator[Finding]:
    """Find a last map whose receptive field does not cover the image."""
    fields = geometry(context.plan)
    size = context.plan.input_shape[1:]
    maps = list(takewhile(is_map, context.cuts))  # maps after the global pool are left out
    if not maps:
        return
    last = maps[-1]
    high, wide = fields[last.index].receptive_field
    if high >= size[0] and wide >= size[1]:
        return
    message = (
        f"the receptive field of the last map is {high} x {wide} of {size[0]} x {size[1]} pixels: none of its values "
        "depends on the whole image"
    )
    owner = context.owner(last)
    yield Finding(FIELD.code, owner, message, context.place(owner), op=last.name)


BALANCE = Rule(
    code="AB109",
    name="width and depth out of balance",
    reason="Computation is best spent on width and depth together.",
    argument="""
*Rethinking the Inception Architecture* (Szegedy et al., 2015, arXiv:1512.00567, section 2, principle 4): more width
or more depth each improve a network, but for a given amount of computation the best results come from increasing both
together.

Depth is the number of convolutions and linear layers on the longest path; width is the mean of the convolutions'
output channels, weighted by their MACs. The paper gives no threshold. The papers' networks that ship with archbuilder
have between 2.4 (GhostNet) and 19.3 (VGG-16) channels per layer of depth; DenseNet-121 alone, which concatenates its
narrow layers, has 0.8. Ours: below 1 a network is deep for its width, above 64 wide for its depth.
""",
    bad=example(
        "{name: stem, type: conv, out: 256, kernel: 3, stride: 2, padding: 1}",
        "{name: wide, type: conv, out: 512, kernel: 3, padding: 1}",
    ),
    good=example(
        "{name: stem, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}",
        "{name: stage1, type: conv, out: 64, kernel: 3, padding: 1, repeat: 3}",
    ),
    check=_balance,
)

FIELD = Rule(
    code="AB112",
    name="receptive field does not cover the image",
    reason="An object larger than the receptive field is classified only by the average of its parts.",
    argument="""
The receptive field of a value is the part of the image that it depends on (Araujo, Norris and Sim, 2019, *Computing
Receptive Fields of Convolutional Neural Networks*, Distill, doi:10.23915/distill.00021): a kernel of k, on a map
whose positions are s pixels apart, adds (k - 1) s. If the receptive field of the last map before the global pool is
smaller than the image, the network averages local evidence and never relates distant parts of the image.

The rule compares the receptive field of the last map with the image in both directions. A larger stride early in the
network, or more layers, increase it.
""",
    bad=example(
        "{name: conv1, type: conv, out: 32, kernel: 3, padding: 1}",
        "{name: conv2, type: conv, out: 64, kernel: 3, padding: 1}",
    ),
    good=example(
        "{name: conv1, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}",
        "{name: conv2, type: conv, out: 64, kernel: 3, stride: 2, padding: 1}",
        "{name: conv3, type: conv, out: 64, kernel: 3, padding: 1, repeat: 4}",
    ),
    check=_field,
)
