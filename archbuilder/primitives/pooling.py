"""Pools: over windows, to a fixed output size, and over the whole map."""

from math import gcd, prod
from typing import Any, ClassVar

from pydantic import Field

from archbuilder.primitives.facts import ONE_POSITION, Call, Counters, Shape, Window
from archbuilder.primitives.fields import PoolPadding, PositivePair, Sides
from archbuilder.primitives.held import INDEX_BYTES, Allocation, Kept
from archbuilder.primitives.primitive import (
    KeepsChannels,
    OneTensor,
    ShapeError,
    Uncounted,
    Weightless,
    expect_map,
)
from archbuilder.primitives.window import both_sides, dilated, half, same_padding, slide


class _Pool(KeepsChannels, Weightless, Uncounted):
    """A pool over a sliding window."""

    kernel_size: PositivePair = Field(alias="kernel", description="Window size: an integer, or [height, width].")
    stride: PositivePair | None = Field(None, description="Stride; the window size unless given, so windows tile.")
    padding: PoolPadding = Field(
        (0, 0),
        description="Padding on each side; at most, and with `half`, kernel // 2; with `same`, sizes are divided by "
        "the stride.",
    )
    ceil_mode: bool = Field(False, description="Round the output size up, so that a partial window at the edge counts.")

    @property
    def steps(self) -> tuple[int, int]:
        """The stride in each direction."""
        return self.stride or self.kernel_size

    @property
    def spacing(self) -> tuple[int, int]:
        """The dilation in each direction."""
        return 1, 1

    @property
    def follows_size(self) -> bool:
        """Whether the padding depends on the input size, or is uneven: `same` padding but of an odd window."""
        reach = dilated(self.kernel_size, self.spacing)
        even = all(step == 1 and extent % 2 for step, extent in zip(self.steps, reach, strict=True))
        return self.padding == "same" and not even

    def sides(self, input_shape: Shape) -> Sides:
        """Return the padding of the input: ((top, bottom), (left, right))."""
        if self.padding == "same":
            return same_padding((input_shape[1], input_shape[2]), self.kernel_size, self.steps, self.spacing)
        return both_sides(half(self.kernel_size) if self.padding == "half" else self.padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x C x H x W -> N x C x H' x W'."""
        channels, height, width = expect_map(input_shape, "a pool")
        sides = self.sides(input_shape)
        for (padding, _), kernel in zip(sides, self.kernel_size, strict=True):
            if self.padding != "same" and 2 * padding > kernel:
                raise ShapeError(
                    f"a padding of {padding} is more than half the window of {kernel}", key="padding", spatial=True
                )
        ceil_mode = self.ceil_mode and self.padding != "same"  # of which nothing is left to be rounded
        extent = height, width
        size = slide(extent, self.kernel_size, self.steps, sides, dilation=self.spacing, ceil_mode=ceil_mode)
        return channels, *size

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return the dilated window and the stride."""
        return Window(dilated(self.kernel_size, self.spacing), self.steps)

    def _border(self, input_shape: Shape) -> tuple[int, int]:
        """Return the padding on each side, of the height and of the width."""
        (top, _), (left, _) = self.sides(input_shape)
        return top, left

    def _padded(self, input_shape: Shape) -> int:
        """Count the values of the input if it is padded in a separate step; else 0."""
        (top, bottom), (left, right) = self.sides(input_shape)
        if top == bottom and left == right:
            return 0
        return input_shape[0] * (input_shape[1] + top + bottom) * (input_shape[2] + left + right)


class MaxPool(_Pool):
    """The maximum of each window, as torch.nn.MaxPool2d; `same` pads with minus infinity."""

    type: ClassVar[str] = "max_pool"

    dilation: PositivePair = Field((1, 1), description="Spacing between window elements.")

    @property
    def spacing(self) -> tuple[int, int]:
        """The dilation in each direction."""
        return self.dilation

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.MaxPool2d, or its subclass whose padding follows the size."""
        if self.follows_size:
            return Call(
                "archbuilder.modules.layers.SameMaxPool2d",
                (self.kernel_size, self.steps),
                {"dilation": self.dilation},
            )
        args = self.kernel_size, self.steps, self._border(input_shape), self.dilation
        return Call("torch.nn.MaxPool2d", args, {"ceil_mode": self.ceil_mode and self.padding != "same"})

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the padded input if it is padded by itself, and the indices, which are freed at once."""
        padded = self._padded(input_shape)
        before = (Allocation(padded, outlived_by=2),) if padded else ()
        return (*before, *_maxima(output_shape))

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, or the padded input, and the index of each maximum."""
        padded = self._padded(input_shape)
        return Kept(input=not padded, values=padded, indices=prod(output_shape))


class AvgPool(_Pool):
    """The mean of each window, as torch.nn.AvgPool2d."""

    type: ClassVar[str] = "avg_pool"

    count_include_pad: bool = Field(True, description="Whether the zeros of the padding count in the mean.")

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.AvgPool2d, or its subclass whose padding follows the size."""
        if self.follows_size:
            keys: dict[str, Any] = {"count_include_pad": self.count_include_pad}
            return Call("archbuilder.modules.layers.SameAvgPool2d", (self.kernel_size, self.steps), keys)
        args = self.kernel_size, self.steps, self._border(input_shape)
        ceil_mode = self.ceil_mode and self.padding != "same"
        return Call("torch.nn.AvgPool2d", (*args, ceil_mode, self.count_include_pad))

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the padded input too if it is padded by itself; of a mean without zeros also what it is scaled by."""
        padded, pooled = self._padded(input_shape), prod(output_shape)
        if not padded:
            return (Allocation(pooled),)
        if self.count_include_pad:
            return Allocation(padded, outlived_by=1), Allocation(pooled)
        _, height, width = input_shape
        ones, counts = height * width, output_shape[1] * output_shape[2]
        return (
            Allocation(padded, outlived_by=1),
            Allocation(pooled, outlived_by=4),
            Allocation(ones, outlived_by=1, is_per_batch=True),
            Allocation(padded // input_shape[0], outlived_by=1, is_per_batch=True),
            Allocation(counts, outlived_by=1, is_per_batch=True),
            Allocation(pooled),
        )

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, or the padded input, although only its shape is needed."""
        padded = self._padded(input_shape)
        if padded and not self.count_include_pad:  # the means, and the shares of each window
            return Kept(values=padded, per_batch=output_shape[1] * output_shape[2])
        return Kept(input=not padded, values=padded)


def _maxima(output_shape: Shape) -> tuple[Allocation, ...]:
    """Return the indices of maxima, which are freed at once, and the maxima."""
    values = prod(output_shape)
    return Allocation(values, outlived_by=1, bytes_per_value=INDEX_BYTES), Allocation(values)


class _AdaptivePool(KeepsChannels, Weightless):
    """A pool with a fixed output size."""

    @property
    def output_size(self) -> tuple[int, int]:
        """The height and width of the output."""
        raise NotImplementedError

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x C x H x W -> N x C x output size."""
        channels, *_ = expect_map(input_shape, "a pool")
        return channels, *self.output_size

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return the largest window, and the largest step from one window to the next."""
        (height, down), (width, right) = (
            _adaptive(n, m) for n, m in zip(input_shape[1:], self.output_size, strict=True)
        )
        return Window((height, width), (down, right))


def _adaptive(extent: int, positions: int) -> tuple[int, int]:
    """Return the largest window of an adaptive pool, and the largest step from one window to the next.

    Window i reaches from floor(i * n / m) to ceil((i + 1) * n / m), as in torch. The remainders of i * n by m are the
    multiples of their greatest common divisor, so the longest window starts m - gcd after a whole position.
    """
    longest = -(-(positions - gcd(extent, positions) + extent) // positions)
    return longest, 1 if positions == 1 else -(-extent // positions)


class _ToSize(_AdaptivePool):
    """An adaptive pool whose output size is a key of the spec."""

    output: PositivePair = Field(description="Output size: an integer, or [height, width].")

    @property
    def output_size(self) -> tuple[int, int]:
        """The height and width of the output."""
        return self.output


class _Mean(OneTensor, _AdaptivePool):
    """An adaptive pool that takes means."""

    counters: ClassVar[Counters] = Counters(
        "adaptive_avg_pool2d", product=False, note="torch counts nothing for a mean; fvcore one MAC per input element"
    )

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count one per input element, as fvcore does."""
        return prod(input_shape)

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.AdaptiveAvgPool2d."""
        return Call("torch.nn.AdaptiveAvgPool2d", (self.output_size,))

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, except for an output of 1 x 1, for which torch takes the plain mean."""
        return Kept(input=self.output_size != (1, 1))


class AdaptiveMaxPool(_ToSize, Uncounted):
    """The maximum over windows that are chosen to give a fixed output size, as torch.nn.AdaptiveMaxPool2d."""

    type: ClassVar[str] = "adaptive_max_pool"

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.AdaptiveMaxPool2d."""
        return Call("torch.nn.AdaptiveMaxPool2d", (self.output_size,))

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the indices too, which are freed at once."""
        return _maxima(output_shape)

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, and the index of each maximum."""
        return Kept(input=True, indices=prod(output_shape))


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


class SpatialMean(KeepsChannels, Weightless, OneTensor, Uncounted):
    """The mean of each channel, as torch.Tensor.mean over (2, 3): what global_avg_pool computes, counted as nothing."""

    type: ClassVar[str] = "spatial_mean"
    counters: ClassVar[Counters] = Counters(
        None, product=False, note="fvcore has no rule for aten::mean, and torch counts products alone"
    )

    keepdim: bool = Field(False, description="Whether the output is a map of 1 x 1; otherwise it is a vector.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x C x H x W -> N x C, or N x C x 1 x 1 with `keepdim`."""
        channels, *_ = expect_map(input_shape, "a spatial mean")
        return (channels, 1, 1) if self.keepdim else (channels,)

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return the whole map."""
        return Window((input_shape[1], input_shape[2]), ONE_POSITION.stride)

    def call(self, input_shape: Shape) -> Call:
        """Return archbuilder.modules.layers.SpatialMean."""
        return Call("archbuilder.modules.layers.SpatialMean", (), {"keepdim": self.keepdim})

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep nothing."""
        return Kept()
