"""The types of the facts that a primitive declares, as data that needs no torch."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple

Shape = tuple[int, ...]
"""The shape of one sample: (channels, height, width) of a map, or (features,) of a vector."""


class Call(NamedTuple):
    """The torch call that makes an operation's module.

    Attributes:
        target: The full name of what is called, such as `torch.nn.Conv2d`.
        args: Positional arguments.
        kwargs: Keyword arguments; those at their defaults may be left out.
    """

    target: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def __str__(self) -> str:
        keys = (f"{key}={value!r}" for key, value in self.kwargs.items())
        return f"{self.target}({', '.join([*map(repr, self.args), *keys])})"


PARAMETER = "torch.nn.Parameter"
"""The target of an operation that is no module but one parameter of the module around it, which multiplies the map."""

NARROW = "torch.narrow"
"""The target of an operation that is no module but a view of some of its input's channels."""

Axis = Literal["out", "in", ""]


class Weight(NamedTuple):
    """A tensor of an operation's module: a parameter or a buffer.

    Attributes:
        name: Its name in the module; an empty string where the operation is a single parameter.
        shape: Its shape.
        axes: What each dimension runs over: the output channels, the input channels of a group, or neither.
        trained: Whether it is a trainable parameter.
        read: Whether it is read in evaluation, as the count of batches is not.
        saved: Whether it is in the state dict.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[Axis, ...]
    trained: bool = True
    read: bool = True
    saved: bool = True


def per_channel(name: str, channels: int, *, trained: bool = True) -> Weight:
    """Return a tensor with one value for each output channel."""
    return Weight(name, (channels,), ("out",), trained)


class Window(NamedTuple):
    """The window of the input map that one output position depends on; statistics of norms are ignored.

    Attributes:
        extent: (height, width), in positions of the input.
        stride: How far neighboring output positions are apart, in positions of the input; below 1 where a map grows.
    """

    extent: tuple[int, int]
    stride: tuple[int | Fraction, int | Fraction]


ONE_POSITION = Window((1, 1), (1, 1))


class New(NamedTuple):
    """An operation makes new channels, each from all input channels of its group."""

    groups: int = 1


class Same(NamedTuple):
    """Each output channel is the input channel at its place, changed or not."""


class Reordered(NamedTuple):
    """Output channel i is input channel `order[i]`; some may be dropped."""

    order: Sequence[int]


class Spread(NamedTuple):
    """Each input channel becomes one output channel for each of `parts`, which name them."""

    parts: Sequence[str]


class Gathered(NamedTuple):
    """Each output channel is made of the next `size` input channels."""

    size: int


Channels = New | Same | Reordered | Spread | Gathered
"""What becomes of the channels of the input."""


class Counters(NamedTuple):
    """What fvcore and torch count for an operation.

    Attributes:
        fvcore: The operator under which fvcore counts its MACs; None if it counts none.
        product: Whether it is a convolution or a matrix product: torch's counter counts two FLOPs for each MAC of these
            alone, and fvcore counts the values of their outputs as activations.
        note: Why their counts differ, or are 0.
    """

    fvcore: str | None
    product: bool
    note: str
