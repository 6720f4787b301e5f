"""Operations that keep the shape of their input."""

from math import prod
from typing import ClassVar, Literal

from pydantic import Field

from archbuilder.primitives.facts import (
    PARAMETER,
    Call,
    Channels,
    Counters,
    Reordered,
    Shape,
    Weight,
    Window,
    per_channel,
)
from archbuilder.primitives.fields import Probability, Width
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.primitive import (
    Elementwise,
    OneTensor,
    PositionByPosition,
    ShapeError,
    Uncounted,
    Weightless,
    expect_groups,
    expect_map,
)


class Dropout(Elementwise, Weightless, Uncounted):
    """Zeroes elements at random in training and scales the rest, as torch.nn.Dropout; nothing in evaluation."""

    type: ClassVar[str] = "dropout"

    p: Probability = Field(0.5, description="The probability that an element is zeroed.")

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.Dropout."""
        return Call("torch.nn.Dropout", (self.p,))

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return nothing: dropout does nothing in evaluation."""
        return ()

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept | None:
        """Keep a factor for each element, as on the CPU; CUDA keeps a byte. `p: 0` passes its input through."""
        return Kept(values=prod(input_shape)) if self.p else None


class StochasticDepth(Elementwise, Weightless, Uncounted):
    """Zeroes whole images of a residual branch in training (Huang et al., 2016, arXiv:1603.09382), scales the rest."""

    type: ClassVar[str] = "stochastic_depth"

    p: Probability = Field(description="The probability that an image is dropped.")

    def call(self, input_shape: Shape) -> Call:
        """Return archbuilder.modules.layers.StochasticDepth."""
        return Call("archbuilder.modules.layers.StochasticDepth", (self.p,))

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return nothing: it does nothing in evaluation."""
        return ()

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept | None:
        """Keep a factor for each image; `p: 0` passes its input through."""
        return Kept(values=1) if self.p else None


class Identity(Elementwise, Weightless, Uncounted):
    """Passes its input through, as torch.nn.Identity."""

    type: ClassVar[str] = "identity"

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.Identity."""
        return Call("torch.nn.Identity")

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return nothing: the input is passed through."""
        return ()

    def kept(self, input_shape: Shape, output_shape: Shape) -> None:
        """Return nothing: the input is passed through."""


class Rescale(Elementwise, Uncounted):
    """`scale` times the input plus `shift`: fixed numbers, not trained, one of each or one for each channel.

    With it a residual branch is scaled (Szegedy et al., 2016, arXiv:1602.07261, section 3.3), and images are
    normalized inside the network.
    """

    type: ClassVar[str] = "rescale"
    widths: ClassVar[tuple[str, ...]] = ()

    scale: float | list[float] = Field(1.0, description="The factor: one number, or one for each channel.")
    shift: float | list[float] = Field(0.0, description="The offset: one number, or one for each channel.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        for key, value in (("scale", self.scale), ("shift", self.shift)):
            if isinstance(value, list) and len(value) != input_shape[0]:
                raise ShapeError(
                    f"{len(value)} numbers are given, but the input has {input_shape[0]} channels", key=key
                )
        return input_shape

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return the fixed numbers, which are not in the state dict."""
        return tuple(
            Weight(name, (len(numbers) if isinstance(numbers, list) else 1,), ("",), trained=False, saved=False)
            for name, numbers in (("scale", self.scale), ("shift", self.shift))
        )

    def call(self, input_shape: Shape) -> Call:
        """Return archbuilder.modules.layers.FixedAffine."""
        keys = {"dimensions": len(input_shape)}
        return Call("archbuilder.modules.layers.FixedAffine", (self.scale, self.shift), keys)

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the product too, which is freed after the shift is added."""
        return Allocation(prod(output_shape), outlived_by=1), Allocation(prod(output_shape))

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep nothing: the numbers are constants."""
        return Kept()


class Scale(Elementwise, Uncounted):
    """A trained factor for each channel, such as layer scale (Touvron et al., 2021, arXiv:2103.17239, section 2.2).

    Its name is its state-dict key: it is a parameter of the module around it, C x 1 x 1 or, if `flat`, C.
    """

    type: ClassVar[str] = "scale"
    widths: ClassVar[tuple[str, ...]] = ()

    initial: float = Field(1.0, description="What each factor starts as; ConvNeXt's start as 1e-6.")
    flat: bool = Field(False, description="Whether the parameter of a map has the shape C, as timm's, not C x 1 x 1.")

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return a factor for each channel."""
        if len(input_shape) == 1 or self.flat:
            return (per_channel("", input_shape[0]),)
        return (Weight("", (input_shape[0], 1, 1), ("out", "", "")),)

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.Parameter: the shape, and what it is filled with."""
        return Call(PARAMETER, (self.weights(input_shape)[0].shape, self.initial))

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input for the gradient of the factors."""
        return Kept(input=True)


class Softmax(Elementwise, Weightless, Uncounted):
    """Softmax over the channels of each position, over the positions of each channel, or over a vector."""

    type: ClassVar[str] = "softmax"
    counters: ClassVar[Counters] = Counters(None, product=False, note="fvcore has no rule for aten::softmax")

    over: Literal["channels", "positions"] = Field("channels", description="What adds up to 1.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return input_shape if self.over == "channels" else expect_map(input_shape, "a softmax over positions")

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return one position, or the whole map."""
        if self.over == "channels":
            return super().window(input_shape, output_shape)
        return Window((input_shape[1], input_shape[2]), (1, 1))

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.Softmax, or its counterpart over both directions of a map."""
        if self.over == "channels":
            return Call("torch.nn.Softmax", (1,))
        return Call("archbuilder.modules.layers.PositionSoftmax")

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the output."""
        return Kept(output=True)


class ChannelShuffle(Weightless, Uncounted, PositionByPosition, OneTensor):
    """Interleaves the channels of groups (Zhang et al., 2017, arXiv:1707.01083), as torch.nn.ChannelShuffle."""

    type: ClassVar[str] = "channel_shuffle"

    groups: Width = Field(description="Groups that are interleaved; must divide the channels.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        channels, *_ = expect_map(input_shape, "a channel shuffle")
        expect_groups(self.groups, channels)
        return input_shape

    def channels(self, input_shape: Shape, output_shape: Shape) -> Channels:
        """Return the first channel of each group, then the second of each, and so on."""
        size = input_shape[0] // self.groups
        return Reordered([group * size + place for place in range(size) for group in range(self.groups)])

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.ChannelShuffle."""
        return Call("torch.nn.ChannelShuffle", (self.groups,))

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep nothing."""
        return Kept()
