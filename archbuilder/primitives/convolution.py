from typing import ClassVar

from pydantic import Field

from archbuilder.primitives.fields import NonNegativePair, PositivePair, Width
from archbuilder.primitives.primitive import Primitive, Shape, ShapeError, expect_map
from archbuilder.primitives.window import slide


class Convolution(Primitive):
    """A bare two-dimensional convolution, as torch.nn.Conv2d."""

    type: ClassVar[str] = "convolution"
    operator: ClassVar[str | None] = "conv"
    widths: ClassVar[tuple[str, ...]] = ("out",)

    out_channels: Width = Field(alias="out", description="Output channels.")
    kernel_size: PositivePair = Field(alias="kernel", description="Kernel size: one number, or [height, width].")
    stride: PositivePair = Field((1, 1), description="Stride: one number, or [height, width].")
    padding: NonNegativePair = Field((0, 0), description="Zero padding on each side: one number, or [height, width].")
    dilation: PositivePair = Field((1, 1), description="Spacing of the kernel's taps.")
    groups: Width = Field(1, description="Groups that the channels are split into; must divide both counts.")
    bias: bool = Field(True, description="Whether a bias is added to each output channel.")

    def output_shape(self, arriving: Shape) -> Shape:
        """N x in x H x W -> N x out x H' x W'."""
        channels, height, width = expect_map(arriving, "a convolution")
        if channels % self.groups or self.out_channels % self.groups:
            raise ShapeError(
                f"{self.groups} groups do not divide {channels} input and {self.out_channels} output channels evenly",
                key="groups",
            )
        size = slide((height, width), self.kernel_size, self.stride, self.padding, dilation=self.dilation)
        return self.out_channels, *size

    def parameters(self, arriving: Shape) -> int:
        """Count out * in / groups * kh * kw weights, and out biases."""
        weights = self.out_channels * (arriving[0] // self.groups) * self.kernel_size[0] * self.kernel_size[1]
        return weights + self.out_channels * self.bias

    def macs(self, arriving: Shape, leaving: Shape) -> int:
        """Count the weights once for each output position."""
        weights = self.out_channels * (arriving[0] // self.groups) * self.kernel_size[0] * self.kernel_size[1]
        return weights * leaving[1] * leaving[2]
