from math import prod
from typing import ClassVar

from pydantic import Field

from archbuilder.primitives.fields import Padding, PositivePair, Sides, Width
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.primitive import Primitive, Shape, ShapeError, expect_map
from archbuilder.primitives.window import both_sides, half, same_padding, slide


class Convolution(Primitive):
    """A two-dimensional convolution, as torch.nn.Conv2d."""

    type: ClassVar[str] = "convolution"
    operator: ClassVar[str | None] = "conv"
    widths: ClassVar[tuple[str, ...]] = ("out",)

    out_channels: Width = Field(alias="out", description="Output channels.")
    kernel_size: PositivePair = Field(alias="kernel", description="Kernel size: an integer, or [height, width].")
    stride: PositivePair = Field((1, 1), description="Stride: an integer, or [height, width].")
    padding: Padding = Field(
        ((0, 0), (0, 0)),
        description="Zero padding: an integer, [height, width], [[top, bottom], [left, right]]; half, kernel // 2 on "
        "every side, times the dilation; or same, after which sizes are divided by the stride.",
    )
    dilation: PositivePair = Field((1, 1), description="Spacing between kernel elements.")
    groups: Width = Field(1, description="Groups that the channels are split into; must divide both counts.")
    bias: bool = Field(True, description="Whether a bias is added to each output channel.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x in x H x W -> N x out x H' x W'."""
        channels, height, width = expect_map(input_shape, "a convolution")
        if channels % self.groups or self.out_channels % self.groups:
            raise ShapeError(
                f"{self.groups} groups do not divide {channels} input and {self.out_channels} output channels evenly",
                key="groups",
            )
        sides = self.sides(input_shape)
        size = slide((height, width), self.kernel_size, self.stride, sides, dilation=self.dilation)
        return self.out_channels, *size

    @property
    def follows_size(self) -> bool:
        """Whether the padding depends on the input size: `same` padding with a stride above 1."""
        directions = zip(self.kernel_size, self.stride, strict=True)
        return self.padding == "same" and any(kernel > 1 and stride > 1 for kernel, stride in directions)

    def sides(self, input_shape: Shape) -> Sides:
        """Return the zero padding of the input: ((top, bottom), (left, right))."""
        if self.padding == "same":
            return same_padding((input_shape[1], input_shape[2]), self.kernel_size, self.stride, self.dilation)
        if self.padding == "half":
            return both_sides(half(self.kernel_size, self.dilation))
        return self.padding

    def parameters(self, input_shape: Shape) -> int:
        """Count out * in / groups * kh * kw weights, and out biases."""
        weights = self.out_channels * (input_shape[0] // self.groups) * self.kernel_size[0] * self.kernel_size[1]
        return weights + self.out_channels * self.bias

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count the weights once for each output position."""
        weights = self.out_channels * (input_shape[0] // self.groups) * self.kernel_size[0] * self.kernel_size[1]
        return weights * output_shape[1] * output_shape[2]

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the padded input too if the padding is asymmetric, since torch pads it in a separate step."""
        padded = self._padded(input_shape)
        return (
            (Allocation(padded, outlived_by=1), Allocation(prod(output_shape)))
            if padded
            else (Allocation(prod(output_shape)),)
        )

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, or the padded input, for the gradient of the weights."""
        padded = self._padded(input_shape)
        return Kept(values=padded) if padded else Kept(input=True)

    def _padded(self, input_shape: Shape) -> int:
        """Count the values of the input if it is padded in a separate step; else 0."""
        (top, bottom), (left, right) = self.sides(input_shape)
        if top == bottom and left == right:
            return 0
        return input_shape[0] * (input_shape[1] + top + bottom) * (input_shape[2] + left + right)
