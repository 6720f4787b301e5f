from math import prod
from typing import ClassVar

from pydantic import Field

from archbuilder.primitives.fields import Width
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.primitive import Primitive, Shape, ShapeError, shape_text


class Flatten(Primitive):
    """A map laid out as a vector: N x C x H x W -> N x CHW."""

    type: ClassVar[str] = "flatten"

    def output_shape(self, arriving: Shape) -> Shape:
        """Give the number of elements."""
        return (prod(arriving),)

    def allocations(self, arriving: Shape, leaving: Shape) -> tuple[Allocation, ...]:
        """A view is handed on."""
        return ()

    def kept(self, arriving: Shape, leaving: Shape) -> None:
        """A view is handed on."""


class Linear(Primitive):
    """A fully connected layer, as torch.nn.Linear."""

    type: ClassVar[str] = "linear"
    operator: ClassVar[str | None] = "linear"
    widths: ClassVar[tuple[str, ...]] = ("out",)

    out_features: Width = Field(alias="out", description="Output features.")
    bias: bool = Field(True, description="Whether a bias is added to each output feature.")

    def output_shape(self, arriving: Shape) -> Shape:
        """N x in -> N x out."""
        if len(arriving) != 1:
            raise ShapeError(
                f"a linear layer takes a vector, but its input is a map of {shape_text(arriving)}; "
                "put a flatten before it",
                spatial=True,
            )
        return (self.out_features,)

    def parameters(self, arriving: Shape) -> int:
        """Count in * out weights, and out biases."""
        return (arriving[0] + self.bias) * self.out_features

    def macs(self, arriving: Shape, leaving: Shape) -> int:
        """Count in * out."""
        return arriving[0] * leaving[0]

    def kept(self, arriving: Shape, leaving: Shape) -> Kept:
        """What arrives is kept for the gradient of the weights."""
        return Kept(arriving=True)
