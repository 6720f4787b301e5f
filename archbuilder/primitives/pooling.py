from math import prod
from typing import ClassVar

from pydantic import Field

from archbuilder.primitives.fields import PoolPadding, PositivePair
from archbuilder.primitives.held import INDEX_BYTES, Allocation, Kept
from archbuilder.primitives.primitive import Primitive, Shape, ShapeError, expect_map
from archbuilder.primitives.window import both_sides, half, slide


class _Maximum(Primitive):
    """A pool that always computes the indices of the maxima, too."""

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the indices too, which are freed at once."""
        return Allocation(prod(output_shape), outlived_by=1, bytes_per_value=INDEX_BYTES), Allocation(
            prod(output_shape)
        )

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, and the index of each maximum."""
        return Kept(input=True, indices=prod(output_shape))


class _Pool(Primitive):
    kernel_size: PositivePair = Field(alias="kernel", description="Window size: an integer, or [height, width].")
    stride: PositivePair | None = Field(None, description="Stride; the window size unless given, so windows tile.")
    padding: PoolPadding = Field((0, 0), description="Padding on each side; at most, and with `half`, kernel // 2.")
    ceil_mode: bool = Field(False, description="Round the output size up, so that a partial window at the edge counts.")

    @property
    def steps(self) -> tuple[int, int]:
        """The stride in each direction."""
        return self.stride or self.kernel_size

    @property
    def border(self) -> tuple[int, int]:
        """The padding on each side, of the height and of the width."""
        return half(self.kernel_size) if self.padding == "half" else self.padding

    def _slid(self, input_shape: Shape, dilation: tuple[int, int] = (1, 1)) -> Shape:
        channels, height, width = expect_map(input_shape, "a pool")
        for padding, kernel in zip(self.border, self.kernel_size, strict=True):
            if 2 * padding > kernel:
                raise ShapeError(
                    f"a padding of {padding} is more than half the window of {kernel}", key="padding", spatial=True
                )
        sides = both_sides(self.border)
        size = slide((height, width), self.kernel_size, self.steps, sides, dilation=dilation, ceil_mode=self.ceil_mode)
        return channels, *size


class MaxPool(_Maximum, _Pool):
    """The maximum of each window, as torch.nn.MaxPool2d."""

    type: ClassVar[str] = "max_pool"

    dilation: PositivePair = Field((1, 1), description="Spacing between window elements.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x C x H x W -> N x C x H' x W'."""
        return self._slid(input_shape, self.dilation)


class AvgPool(_Pool):
    """The mean of each window, as torch.nn.AvgPool2d."""

    type: ClassVar[str] = "avg_pool"

    count_include_pad: bool = Field(True, description="Whether the zeros of the padding count in the mean.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x C x H x W -> N x C x H' x W'."""
        return self._slid(input_shape)

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, although only its shape is needed."""
        return Kept(input=True)


class _AdaptivePool(Primitive):
    @property
    def output_size(self) -> tuple[int, int]:
        """The height and width of the output."""
        raise NotImplementedError

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x C x H x W -> N x C x output size."""
        channels, *_ = expect_map(input_shape, "a pool")
        return channels, *self.output_size


class _ToSize(_AdaptivePool):
    output: PositivePair = Field(description="Output size: an integer, or [height, width].")

    @property
    def output_size(self) -> tuple[int, int]:
        """The height and width of the output."""
        return self.output


class _Mean(_AdaptivePool):
    operator: ClassVar[str | None] = "adaptive_avg_pool2d"

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count one per input element, as fvcore does."""
        return prod(input_shape)

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, except for an output of 1 x 1, for which torch takes the plain mean."""
        return Kept(input=self.output_size != (1, 1))


class AdaptiveMaxPool(_Maximum, _ToSize):
    """The maximum over windows that are chosen to give a fixed output size, as torch.nn.AdaptiveMaxPool2d."""

    type: ClassVar[str] = "adaptive_max_pool"


class AdaptiveAvgPool(_ToSize, _Mean):
    """The mean over windows that are chosen to give a fixed output size, as torch.nn.AdaptiveAvgPool2d."""

    type: ClassVar[str] = "adaptive_avg_pool"


class GlobalAvgPool(_Mean):
    """The mean of each channel: N x C x H x W -> N x C x 1 x 1."""

    type: ClassVar[str] = "global_avg_pool"

    @property
    def output_size(self) -> tuple[int, int]:
        """The height and width of the output."""
        return 1, 1
