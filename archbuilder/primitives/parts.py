"""The parts that a fork splits its input into."""

from typing import ClassVar

from pydantic import Field

from archbuilder.primitives.facts import NARROW, Call, Channels, Reordered, Shape
from archbuilder.primitives.fields import Width
from archbuilder.primitives.held import Allocation
from archbuilder.primitives.primitive import PositionByPosition, ShapeError, Uncounted, Weightless


class Part(Weightless, Uncounted, PositionByPosition):
    """Some of the channels of the input, one after the other: a view, as torch.narrow."""

    type: ClassVar[str] = "(part)"

    start: int = Field(ge=0, description="The first channel.")
    size: Width = Field(description="How many channels.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x C x H x W -> N x size x H x W."""
        if self.start + self.size > input_shape[0]:
            raise ShapeError(f"channels {self.start} to {self.start + self.size - 1} of {input_shape[0]}", key="split")
        return (self.size, *input_shape[1:])

    def channels(self, input_shape: Shape, output_shape: Shape) -> Channels:
        """Return the channels of the part."""
        return Reordered(range(self.start, self.start + self.size))

    def call(self, input_shape: Shape) -> Call:
        """Return torch.narrow."""
        return Call(NARROW, (1, self.start, self.size))

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return nothing: the output is a view."""
        return ()

    def kept(self, input_shape: Shape, output_shape: Shape) -> None:
        """Return nothing: the output is a view."""
