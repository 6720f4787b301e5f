"""Operations that change the size of a map without trained weights, and parts of its channels."""

from fractions import Fraction
from math import prod
from typing import Any, ClassVar, Literal

from pydantic import Field

from archbuilder.primitives.facts import (
    Call,
    Channels,
    Counters,
    Gathered,
    Reordered,
    Shape,
    Spread,
    Window,
)
from archbuilder.primitives.fields import PositivePair, Width
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.primitive import (
    KeepsChannels,
    OneTensor,
    PositionByPosition,
    ShapeError,
    Uncounted,
    Weightless,
    expect_map,
)


class Upsample(KeepsChannels, Weightless, OneTensor):
    """Enlarges a map by a factor, to a size, or to that of an earlier place, as torch.nn.Upsample."""

    type: ClassVar[str] = "upsample"
    counters: ClassVar[Counters] = Counters(
        "upsample", product=False, note="torch counts products alone; fvcore 1 MAC per output element, 4 if bilinear"
    )

    factor: PositivePair | None = Field(None, description="Factor of the size: an integer, or [height, width].")
    output: PositivePair | None = Field(None, description="Output size instead: an integer, or [height, width].")
    like: str | None = Field(None, description="Or the name of an earlier place, whose height and width it is given.")
    mode: Literal["nearest", "bilinear"] = Field("nearest", description="How positions between others are filled.")

    @property
    def place(self) -> str:
        """The name of the earlier place whose height and width its output has."""
        return self.like or ""

    def with_size(self, size: tuple[int, int]) -> "Upsample":
        """Return the primitive with the height and width of its place as its output size."""
        return self.model_copy(update={"output": size, "like": None})

    @property
    def operator(self) -> str:
        """The name under which fvcore lists its MACs."""
        return f"upsample_{self.mode}2d"

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x C x H x W -> N x C x H' x W'."""
        channels, height, width = expect_map(input_shape, "an upsample")
        if sum(key is not None for key in (self.factor, self.output, self.like)) != 1:
            raise ShapeError("an upsample needs one of factor, output and like")
        if self.output is not None:
            return channels, *self.output
        assert self.factor is not None
        return channels, height * self.factor[0], width * self.factor[1]

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count one per output element, or four for bilinear, as fvcore does."""
        return prod(output_shape) * (4 if self.mode == "bilinear" else 1)

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return one position, or the two in each direction that a bilinear value lies between."""
        reach = 2 if self.mode == "bilinear" else 1
        steps = [Fraction(n, m) for n, m in zip(input_shape[1:], output_shape[1:], strict=True)]
        return Window((min(reach, input_shape[1]), min(reach, input_shape[2])), (steps[0], steps[1]))

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.Upsample."""
        size: dict[str, Any] = {"scale_factor": self.factor} if self.factor else {"size": self.output}
        return Call("torch.nn.Upsample", (), {**size, "mode": self.mode})

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep nothing."""
        return Kept()


class Slice(Weightless, Uncounted, PositionByPosition):
    """Some of the channels, one after the other: a view, as torch.narrow along the channels."""

    type: ClassVar[str] = "slice"

    start: int = Field(0, ge=0, description="The first channel, counted from 0.")
    channels_: Width = Field(alias="channels", description="How many channels.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x C x H x W -> N x channels x H x W."""
        if self.start + self.channels_ > input_shape[0]:
            last = self.start + self.channels_ - 1
            message = f"channels {self.start} to {last} of {input_shape[0]}, which are counted from 0"
            raise ShapeError(message, key="channels")
        return (self.channels_, *input_shape[1:])

    def channels(self, input_shape: Shape, output_shape: Shape) -> Channels:
        """Return the channels that are kept."""
        return Reordered(range(self.start, self.start + self.channels_))

    def call(self, input_shape: Shape) -> Call:
        """Return archbuilder.modules.layers.Slice."""
        return Call("archbuilder.modules.layers.Slice", (self.start, self.channels_))

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return nothing: the output is a view."""
        return ()

    def kept(self, input_shape: Shape, output_shape: Shape) -> None:
        """Return nothing: the output is a view."""


class PixelShuffle(Weightless, Uncounted, PositionByPosition, OneTensor):
    """Turns channels into positions (Shi et al., 2016, arXiv:1609.05158), as torch.nn.PixelShuffle."""

    type: ClassVar[str] = "pixel_shuffle"

    factor: Width = Field(description="Factor by which the map grows in each direction.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x C x H x W -> N x C / factor^2 x H factor x W factor."""
        channels, height, width = expect_map(input_shape, "a pixel shuffle")
        if channels % self.factor**2:
            message = f"a factor of {self.factor} needs a multiple of {self.factor**2} channels, not {channels}"
            raise ShapeError(message, key="factor")
        return channels // self.factor**2, height * self.factor, width * self.factor

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return one position, and positions that are closer by the factor."""
        return Window((1, 1), (Fraction(1, self.factor), Fraction(1, self.factor)))

    def channels(self, input_shape: Shape, output_shape: Shape) -> Channels:
        """Return that each output channel is made of factor^2 input channels."""
        return Gathered(self.factor**2)

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.PixelShuffle."""
        return Call("torch.nn.PixelShuffle", (self.factor,))

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep nothing."""
        return Kept()


class PixelUnshuffle(Weightless, Uncounted, PositionByPosition, OneTensor):
    """Turns positions into channels, as torch.nn.PixelUnshuffle; the inverse of pixel_shuffle."""

    type: ClassVar[str] = "pixel_unshuffle"

    factor: Width = Field(description="Factor by which the map shrinks in each direction.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x C x H x W -> N x C factor^2 x H / factor x W / factor."""
        channels, height, width = expect_map(input_shape, "a pixel unshuffle")
        if height % self.factor or width % self.factor:
            message = f"a factor of {self.factor} does not divide the map of {height} x {width}"
            raise ShapeError(message, key="factor", spatial=True)
        return channels * self.factor**2, height // self.factor, width // self.factor

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return the square of positions that become one."""
        return Window((self.factor, self.factor), (self.factor, self.factor))

    def channels(self, input_shape: Shape, output_shape: Shape) -> Channels:
        """Return one channel for each position of the square."""
        return Spread([f"offset {place} of {self.factor}x{self.factor}" for place in range(self.factor**2)])

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.PixelUnshuffle."""
        return Call("torch.nn.PixelUnshuffle", (self.factor,))

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep nothing."""
        return Kept()
