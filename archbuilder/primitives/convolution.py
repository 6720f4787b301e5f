"""Convolutions, also transposed."""

from fractions import Fraction
from math import prod
from typing import Any, ClassVar, Literal

from pydantic import Field

from archbuilder.primitives.facts import Call, Channels, Counters, New, Same, Shape, Spread, Weight, Window, per_channel
from archbuilder.primitives.fields import NonNegativePair, Padding, PositivePair, Sides, Width
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.primitive import OneTensor, Primitive, ShapeError, expect_groups, expect_map
from archbuilder.primitives.window import both_sides, dilated, half, same_padding, slide

_ZEROS = "zeros"


class _Convolution(Primitive):
    """The common keys of convolutions."""

    widths: ClassVar[tuple[str, ...]] = ("out",)
    counters: ClassVar[Counters] = Counters("conv", product=True, note="")

    out_channels: Width = Field(alias="out", description="Output channels.")
    kernel_size: PositivePair = Field(alias="kernel", description="Kernel size: an integer, or [height, width].")


def _channels(groups: int, input_channels: int, output_channels: int) -> Channels:
    """Return new channels; for a depthwise convolution, the input channels, or several of each."""
    if groups > 1 and groups == input_channels:
        per_input = output_channels // groups
        return Same() if per_input == 1 else Spread([f"part {part}" for part in range(per_input)])
    return New(groups)


class Convolution(_Convolution):
    """A two-dimensional convolution, as torch.nn.Conv2d."""

    type: ClassVar[str] = "convolution"

    stride: PositivePair = Field((1, 1), description="Stride: an integer, or [height, width].")
    padding: Padding = Field(
        ((0, 0), (0, 0)),
        description="Zero padding: an integer, [height, width], [[top, bottom], [left, right]]; half, kernel // 2 on "
        "every side, times the dilation; or same, after which sizes are divided by the stride.",
    )
    dilation: PositivePair = Field((1, 1), description="Spacing between kernel elements.")
    groups: Width = Field(1, description="Groups that the channels are split into; must divide both counts.")
    bias: bool = Field(True, description="Whether a bias is added to each output channel.")
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = Field(
        "zeros", description="What the padding is filled with."
    )

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x in x H x W -> N x out x H' x W'."""
        channels, height, width = expect_map(input_shape, "a convolution")
        expect_groups(self.groups, channels, self.out_channels)
        sides = self.sides(input_shape)
        self._check_filling((height, width), sides)
        size = slide((height, width), self.kernel_size, self.stride, sides, dilation=self.dilation)
        return self.out_channels, *size

    def _check_filling(self, extent: tuple[int, int], sides: Sides) -> None:
        """Check that the map is large enough to fill its padding from."""
        most = {"reflect": -1, "circular": 0}.get(self.padding_mode)
        for n, pair in zip(extent, sides, strict=True):
            if most is not None and max(pair) > n + most:
                message = f"a padding of {max(pair)} cannot be filled by {self.padding_mode} from a map of {n}"
                raise ShapeError(message, key="padding", spatial=True)

    @property
    def follows_size(self) -> bool:
        """Whether the padding depends on the input size: `same` padding with a stride above 1."""
        directions = zip(self.kernel_size, self.stride, strict=True)
        return self.padding == "same" and any(kernel > 1 and stride > 1 for kernel, stride in directions)

    def sides(self, input_shape: Shape) -> Sides:
        """Return the padding of the input: ((top, bottom), (left, right))."""
        if self.padding == "same":
            return same_padding((input_shape[1], input_shape[2]), self.kernel_size, self.stride, self.dilation)
        if self.padding == "half":
            return both_sides(half(self.kernel_size, self.dilation))
        return self.padding

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return out x in / groups x kh x kw weights, and out biases."""
        shape = (self.out_channels, input_shape[0] // self.groups, *self.kernel_size)
        weight = Weight("weight", shape, ("out", "in", "", ""))
        return (weight, per_channel("bias", self.out_channels)) if self.bias else (weight,)

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count the weights once for each output position."""
        weights = self.out_channels * (input_shape[0] // self.groups) * self.kernel_size[0] * self.kernel_size[1]
        return weights * output_shape[1] * output_shape[2]

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return the dilated kernel and the stride."""
        return Window(dilated(self.kernel_size, self.dilation), self.stride)

    def channels(self, input_shape: Shape, output_shape: Shape) -> Channels:
        """Return new channels; those of a depthwise convolution are the input's, or several of each."""
        return _channels(self.groups, input_shape[0], output_shape[0])

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.Conv2d, or one of its subclasses where the padding is asymmetric or depends on the size."""
        keys: dict[str, Any] = {"stride": self.stride, "dilation": self.dilation, "groups": self.groups}
        keys |= {"bias": self.bias}
        keys |= {} if self.padding_mode == _ZEROS else {"padding_mode": self.padding_mode}
        channels = input_shape[0], self.out_channels, self.kernel_size
        if self.follows_size:
            return Call("archbuilder.modules.layers.SameConv2d", channels, keys)
        vertical, horizontal = self.sides(input_shape)
        if vertical[0] == vertical[1] and horizontal[0] == horizontal[1]:
            return Call("torch.nn.Conv2d", channels, {"padding": (vertical[0], horizontal[0]), **keys})
        return Call("archbuilder.modules.layers.PaddedConv2d", channels, {"sides": (*horizontal, *vertical), **keys})

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the padded input too if the padding is asymmetric or not zeros: torch pads it in a separate step."""
        padded = self._padded(input_shape)
        return (
            (Allocation(padded, outlived_by=1), Allocation(prod(output_shape)))
            if padded
            else (Allocation(prod(output_shape)),)
        )

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, or the padded input, for the gradient of the weights."""
        padded = self._padded(input_shape)
        mirrored = self.padding_mode in ("reflect", "replicate")
        return Kept(input=not padded, input_for_gradient=mirrored, values=padded)

    def _padded(self, input_shape: Shape) -> int:
        """Count the values of the input if it is padded in a separate step; else 0."""
        (top, bottom), (left, right) = self.sides(input_shape)
        if top == bottom and left == right and self.padding_mode == _ZEROS:
            return 0
        return input_shape[0] * (input_shape[1] + top + bottom) * (input_shape[2] + left + right)


class TransposedConvolution(OneTensor, _Convolution):
    """A transposed convolution, which enlarges a map by its stride, as torch.nn.ConvTranspose2d."""

    type: ClassVar[str] = "transposed_convolution"

    stride: PositivePair = Field((1, 1), description="Factor by which the map grows: an integer, or [height, width].")
    padding: NonNegativePair = Field((0, 0), description="Rows and columns that are cut off on every side.")
    output_padding: NonNegativePair = Field((0, 0), description="Rows and columns added at the bottom and the right.")
    dilation: PositivePair = Field((1, 1), description="Spacing between kernel elements.")
    groups: Width = Field(1, description="Groups that the channels are split into; must divide both counts.")
    bias: bool = Field(True, description="Whether a bias is added to each output channel.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """N x in x H x W -> N x out x (H - 1) s - 2p + d (k - 1) + output padding + 1, and likewise for W."""
        channels, *extent = expect_map(input_shape, "a transposed convolution")
        expect_groups(self.groups, channels, self.out_channels)
        size = []
        reach = dilated(self.kernel_size, self.dilation)
        for n, k, s, p, d, more in zip(
            extent, reach, self.stride, self.padding, self.dilation, self.output_padding, strict=True
        ):
            if more >= max(s, d):
                message = f"an output padding of {more} is not below the stride of {s} or the dilation of {d}"
                raise ShapeError(message, key="output_padding")
            size.append((n - 1) * s - 2 * p + k + more)
        if min(size) < 1:
            message = f"a padding of {max(self.padding)} leaves nothing of the output"
            raise ShapeError(message, key="padding", spatial=True)
        return self.out_channels, *size

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return in x out / groups x kh x kw weights, and out biases."""
        shape = (input_shape[0], self.out_channels // self.groups, *self.kernel_size)
        weight = Weight("weight", shape, ("in", "out", "", ""))
        return (weight, per_channel("bias", self.out_channels)) if self.bias else (weight,)

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count the weights once for each input position."""
        weights = input_shape[0] * (self.out_channels // self.groups) * self.kernel_size[0] * self.kernel_size[1]
        return weights * input_shape[1] * input_shape[2]

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return the positions whose windows reach one output position, ceil(k / s), and 1 / s."""
        tall, wide = dilated(self.kernel_size, self.dilation)
        down, right = self.stride
        return Window((-(-tall // down), -(-wide // right)), (Fraction(1, down), Fraction(1, right)))

    def channels(self, input_shape: Shape, output_shape: Shape) -> Channels:
        """Return new channels; those of a depthwise convolution are the input's, or several of each."""
        return _channels(self.groups, input_shape[0], output_shape[0])

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.ConvTranspose2d."""
        keys = {
            "stride": self.stride,
            "padding": self.padding,
            "output_padding": self.output_padding,
            "groups": self.groups,
            "bias": self.bias,
            "dilation": self.dilation,
        }
        return Call("torch.nn.ConvTranspose2d", (input_shape[0], self.out_channels, self.kernel_size), keys)

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input for the gradient of the weights."""
        return Kept(input=True)
