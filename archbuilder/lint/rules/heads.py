"""Rules about auxiliary classifiers."""

from collections.abc import Iterator

from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.lint.subject import Subject
from archbuilder.primitives import Shape, shape_text

_NEAREST, _FARTHEST = 0.25, 0.9  # of the depth
_SMALLEST = 4  # pixels on a side


def _positions(subject: Subject) -> Iterator[Finding]:
    for head in subject.plan.heads:
        position = subject.depths[head.tapped] / max(subject.depth, 1)
        if _NEAREST <= position <= _FARTHEST:
            continue
        near = "the image" if position < _NEAREST else "the end"
        message = (
            f"the head attaches at {100 * position:.0f} % of the depth, too near {near}: {100 * _NEAREST:.0f} to "
            f"{100 * _FARTHEST:.0f} % are expected"
        )
        yield Finding(POSITION.code, head.name, message, subject.place(head.name))


def _maps(subject: Subject) -> Iterator[Finding]:
    for head in subject.plan.heads:
        shape: Shape = head.layer.ops[0].input_shapes[0]
        if len(shape) == 3 and min(shape[1:]) < _SMALLEST:
            message = f"the head takes a map of {shape_text(shape)}: {_SMALLEST} x {_SMALLEST} is the least expected"
            yield Finding(SMALL.code, head.name, message, subject.place(head.name))


_LAYERS = (
    "{name: conv1, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}",
    "{name: conv2, type: conv, out: 64, kernel: 3, stride: 2, padding: 1}",
    "{name: conv3, type: conv, out: 64, kernel: 3, padding: 1}",
    "{name: conv4, type: conv, out: 128, kernel: 3, stride: 4, padding: 1}",
)

POSITION = Rule(
    code="AB110",
    name="head too near the image or the end",
    reason="A head helps the middle of a network: the start has too little to tell classes by, the end needs no help.",
    argument="""
*Going Deeper with Convolutions* (Szegedy et al., 2014, arXiv:1409.4842, section 5): the heads are attached to the
middle, on top of blocks 4a and 4d, as the features in the middle should already tell classes apart; they bring
gradients to it. *Rethinking the Inception Architecture* (arXiv:1512.00567, section 4) found that the lower head could
go without harm, and that heads act as regularisers.

The position is that of the place tapped, counted in convolutions and linear layers on the longest way to it.
GoogLeNet's heads stand at 41 % and 68 %. Ours: before 25 % is too near the image, behind 90 % too near the end.
""",
    bad=example(*_LAYERS, aux="{name: aux1, after: conv1, pool_output: 2, channels: 16, hidden: 32}"),
    good=example(*_LAYERS, aux="{name: aux1, after: conv2, pool_output: 2, channels: 16, hidden: 32}"),
    look=_positions,
)

SMALL = Rule(
    code="AB111",
    name="head on a map too small",
    reason="A head that sees hardly any positions repeats what the classifier does.",
    argument="""
*Going Deeper with Convolutions* (Szegedy et al., 2014, arXiv:1409.4842, section 5): GoogLeNet's heads take maps of 14
x 14 and pool them to 4 x 4 before their own convolution, so that what is where still counts.

The rule speaks where the map that a head takes is less than 4 pixels on a side (our bound, from that pool).
""",
    bad=example(*_LAYERS, aux="{name: aux1, after: conv4, pool_output: 1, channels: 16, hidden: 32}"),
    good=example(*_LAYERS, aux="{name: aux1, after: conv3, pool_output: 2, channels: 16, hidden: 32}"),
    look=_maps,
)
