from math import prod
from typing import ClassVar

from pydantic import Field

from archbuilder.primitives.fields import Width
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.primitive import Primitive, Shape, ShapeError, shape_text


class Flatten(Primitive):
    """Flattens a map to a vector: N x C x H x W -> N x CHW."""

    type: ClassVar[str] = "flatten"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the number of elements."""
        return (prod(input_shape),)

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return nothing: the output is a view."""
        return ()

    def kept(self, input_shape: Shape, output_shape: Shape) -> None:
        """Return nothing: the output is a view."""


class Linear(Primitive):
    """A fully connected layer, as torch.nn.Linear."""

    type: ClassVar[str] = "linear"
    operator: ClassVar[str | None] = "linear"
    widths: ClassVar[tuple[str, ...]] = ("out",)

    out_features: Width = Field(alias="out", description="Output features.")
    bias: bool = Field(True, description="Whether a bias is added to each output feature.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x in -> N x out."""
        if len(input_shape) != 1:
            raise ShapeError(
                f"a linear layer takes a vector, but its input is a map of {shape_text(input_shape)}; "
                "put a flatten before it",
                spatial=True,
            )
        return (self.out_features,)

    def parameters(self, input_shape: Shape) -> int:
        """Count in * out weights, and out biases."""
        return (input_shape[0] + self.bias) * self.out_features

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count in * out."""
        return input_shape[0] * output_shape[0]

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input for the gradient of the weights."""
        return Kept(input=True)
