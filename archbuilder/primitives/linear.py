"""Fully connected layers, and flattening."""

from math import prod
from typing import ClassVar

from pydantic import Field

from archbuilder.primitives.facts import (
    ONE_POSITION,
    Call,
    Channels,
    Counters,
    New,
    Same,
    Shape,
    Spread,
    Weight,
    Window,
    per_channel,
)
from archbuilder.primitives.fields import Width
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.primitive import (
    OneTensor,
    PositionByPosition,
    ShapeError,
    Uncounted,
    Weightless,
    shape_text,
)


class Flatten(Weightless, Uncounted):
    """Flattens a map to a vector: N x C x H x W -> N x CHW."""

    type: ClassVar[str] = "flatten"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the number of elements."""
        return (prod(input_shape),)

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return the whole map."""
        return Window((input_shape[1], input_shape[2]), (1, 1)) if len(input_shape) == 3 else ONE_POSITION

    def channels(self, input_shape: Shape, output_shape: Shape) -> Channels:
        """Return one feature for each position of each channel."""
        if len(input_shape) == 1 or input_shape[1:] == (1, 1):
            return Same()
        _, height, width = input_shape  # with the size: places of maps of other sizes are not alike
        return Spread([f"place {place} of {height}x{width}" for place in range(height * width)])

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.Flatten."""
        return Call("torch.nn.Flatten")

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return nothing: the output is a view."""
        return ()

    def kept(self, input_shape: Shape, output_shape: Shape) -> None:
        """Return nothing: the output is a view."""


class Linear(PositionByPosition, OneTensor):
    """A fully connected layer, as torch.nn.Linear; of a vector, or of the channels of each position of a map."""

    type: ClassVar[str] = "linear"
    widths: ClassVar[tuple[str, ...]] = ("out",)
    counters: ClassVar[Counters] = Counters("linear", product=True, note="")

    out_features: Width = Field(alias="out", description="Output features.")
    bias: bool = Field(True, description="Whether a bias is added to each output feature.")
    per_position: bool = Field(False, description="Whether a map is the input, of which it takes each position alone.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x in -> N x out; with `per_position`, N x in x H x W -> N x out x H x W."""
        if self.per_position and len(input_shape) != 3:
            raise ShapeError(
                f"per_position takes a map, but the input is a vector of {input_shape[0]}", key="per_position"
            )
        if len(input_shape) != 1 and not self.per_position:
            raise ShapeError(
                f"a linear layer takes a vector, but its input is a map of {shape_text(input_shape)}; "
                "put a flatten before it",
                spatial=True,
            )
        return (self.out_features, *input_shape[1:])

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return out x in weights, and out biases."""
        weight = Weight("weight", (self.out_features, input_shape[0]), ("out", "in"))
        return (weight, per_channel("bias", self.out_features)) if self.bias else (weight,)

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count in * out for each position."""
        return prod(input_shape) * self.out_features

    def channels(self, input_shape: Shape, output_shape: Shape) -> Channels:
        """Return new features."""
        return New()

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.Linear, or its subclass for maps."""
        target = "archbuilder.modules.layers.PositionLinear" if self.per_position else "torch.nn.Linear"
        return Call(target, (input_shape[0], self.out_features), {"bias": self.bias})

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input for the gradient of the weights."""
        return Kept(input=True)
