"""Layers that torch has no module for.

`archbuilder export` takes their source over into the files it writes: what a class here uses is torch's or stands in
this file, and torch.jit.script compiles it.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class PaddedConv2d(nn.Conv2d):
    """A convolution whose padding differs between opposite sides. Its state-dict keys are Conv2d's."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, int],
        *,
        sides: tuple[int, int, int, int],
        **keys: Any,
    ) -> None:
        """Create the layer.

        Args:
            in_channels: Input channels.
            out_channels: Output channels.
            kernel_size: (height, width).
            sides: Zeros added (left, right, top, bottom).
            **keys: As torch.nn.Conv2d has them.
        """
        super().__init__(in_channels, out_channels, kernel_size, **keys)
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        """N x in x H x W -> N x out x H' x W'."""
        x = functional.pad(x, self.sides, _filling(self.padding_mode))
        return functional.conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Show the padding too."""
        return f"{super().extra_repr()}, sides={self.sides}"  # type: ignore[no-untyped-call]


class SameConv2d(nn.Conv2d):
    """A convolution that outputs ceil(n / stride) positions for n inputs: its padding depends on the input size.

    The padding is TensorFlow's SAME, with the odd zero at the bottom and the right. State-dict keys are Conv2d's.
    """

    def forward(self, x: Tensor) -> Tensor:
        """N x in x H x W -> N x out x ceil(H / stride) x ceil(W / stride)."""
        sides, even = _same_sides(x, self.kernel_size, self.stride, self.dilation)  # type: ignore[arg-type]
        if even is not None and self.padding_mode == "zeros":  # torch pads evenly without a copy
            return functional.conv2d(x, self.weight, self.bias, self.stride, even, self.dilation, self.groups)
        x = functional.pad(x, sides, _filling(self.padding_mode))
        return functional.conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Show the padding too."""
        return f"{super().extra_repr()}, padding=same"  # type: ignore[no-untyped-call]


class SameMaxPool2d(nn.MaxPool2d):
    """A max pool that outputs ceil(n / stride) positions for n inputs, padded with minus infinity."""

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W -> N x C x ceil(H / stride) x ceil(W / stride)."""
        sides, even = _same_sides(x, self.kernel_size, self.stride, self.dilation)  # type: ignore[arg-type]
        if even is not None:
            return functional.max_pool2d(x, self.kernel_size, self.stride, even, self.dilation)
        x = functional.pad(x, sides, value=float("-inf"))
        return functional.max_pool2d(x, self.kernel_size, self.stride, 0, self.dilation)


class SameAvgPool2d(nn.AvgPool2d):
    """A mean pool that outputs ceil(n / stride) positions for n inputs."""

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W -> N x C x ceil(H / stride) x ceil(W / stride)."""
        sides, even = _same_sides(x, self.kernel_size, self.stride, (1, 1))  # type: ignore[arg-type]
        if even is not None:
            return functional.avg_pool2d(
                x, self.kernel_size, self.stride, even, count_include_pad=self.count_include_pad
            )
        means = functional.avg_pool2d(functional.pad(x, sides), self.kernel_size, self.stride)
        if self.count_include_pad:
            return means
        return (
            means
            / functional.avg_pool2d(  # 1 x 1 x H' x W'
                functional.pad(torch.ones_like(x[:1, :1]), sides), self.kernel_size, self.stride
            )
        )


def _same_sides(
    x: Tensor, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[list[int], tuple[int, int] | None]:
    """Return the padding as [left, right, top, bottom], and as (height, width) if opposite sides are equal, else None.

    A size that is exported as a variable is not an int; the second result is then None.
    """
    tall = _zeros(x.shape[2], kernel[0], stride[0], dilation[0])
    wide = _zeros(x.shape[3], kernel[1], stride[1], dilation[1])
    sides = [wide // 2, wide - wide // 2, tall // 2, tall - tall // 2]
    known = isinstance(tall, int) and isinstance(wide, int)
    return sides, (tall // 2, wide // 2) if known and tall % 2 == 0 and wide % 2 == 0 else None


def _zeros(extent: int, kernel: int, stride: int, dilation: int) -> int:
    """Count the zeros that are added in a direction."""
    if not torch.jit.is_scripting():  # type: ignore[attr-defined]
        extent = int(extent) if isinstance(extent, Tensor) else extent  # of a trace, which is of one size
    reach = dilation * (kernel - 1) + 1
    zeros = (extent - 1) // stride * stride + reach - extent  # which is reach - stride at the least
    if reach >= stride:
        return zeros
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return max(zeros, 0)
    return torch.sym_max(zeros, 0)  # type: ignore[no-untyped-call,no-any-return]


def _filling(padding_mode: str) -> str:
    """Return the name of a padding mode in torch.nn.functional.pad."""
    return "constant" if padding_mode == "zeros" else padding_mode


class PartialBatchNorm2d(nn.BatchNorm2d):
    """A batch norm without a scale, a shift, or both."""

    def __init__(self, channels: int, *, scale: bool, shift: bool, **keys: Any) -> None:
        """Create the layer; further keys are torch.nn.BatchNorm2d's."""
        super().__init__(channels, **keys)
        if not scale:
            self.register_parameter("weight", None)
        if not shift:
            self.register_parameter("bias", None)


class PositionLinear(nn.Linear):
    """A linear layer over the channels of each position."""

    def forward(self, x: Tensor) -> Tensor:
        """N x in x H x W -> N x out x H x W."""
        return functional.linear(x.permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalization over the channels of each position."""

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W -> N x C x H x W."""
        positions = x.permute(0, 2, 3, 1)  # N x H x W x C
        normalized = functional.layer_norm(positions, self.normalized_shape, self.weight, self.bias, self.eps)
        return normalized.permute(0, 3, 1, 2)


class GlobalResponseNorm(nn.Module):
    """x + bias + weight * x * g / mean(g), with g the root of each channel's sum of squares."""

    def __init__(self, channels: int, *, eps: float) -> None:
        """Create the layer; it starts as the identity."""
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W -> N x C x H x W."""
        norms = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)  # N x C x 1 x 1
        shares = norms / (norms.mean(dim=1, keepdim=True) + self.eps)
        return x + torch.addcmul(self.bias.view(-1, 1, 1), self.weight.view(-1, 1, 1) * shares, x)

    def extra_repr(self) -> str:
        """Show the channels."""
        return f"{len(self.weight)}, eps={self.eps}"


class L2Norm(nn.Module):
    """Divides the channels of each position, or a vector, by their Euclidean norm."""

    def __init__(self, *, eps: float) -> None:
        """Create the layer; no norm below `eps` is divided by."""
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """N x C x ... -> N x C x ..."""
        return functional.normalize(x, dim=1, eps=self.eps)


class Slice(nn.Module):
    """Some of the channels, one after the other."""

    def __init__(self, start: int, channels: int) -> None:
        """Create the layer; `start` is the first channel, counted from 0."""
        super().__init__()
        self.start = start
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """N x C x ... -> N x channels x ..."""
        return x.narrow(1, self.start, self.channels)

    def extra_repr(self) -> str:
        """Show the channels."""
        return f"start={self.start}, channels={self.channels}"


class SpatialMean(nn.Module):
    """The mean of each channel."""

    def __init__(self, *, keepdim: bool) -> None:
        """Create the layer; with `keepdim` the output is a map of 1 x 1."""
        super().__init__()
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W -> N x C, or N x C x 1 x 1."""
        return x.mean((2, 3), keepdim=self.keepdim)


class PositionSoftmax(nn.Module):
    """Softmax over the positions of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W -> N x C x H x W."""
        return functional.softmax(x.flatten(2), dim=-1).view_as(x)


class StochasticDepth(nn.Module):
    """Zeroes whole images at random in training and scales the rest by 1 / (1 - p)."""

    def __init__(self, p: float) -> None:
        """Create the layer; `p` is the probability that an image is dropped."""
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """N x ... -> N x ..."""
        if not self.training or self.p == 0:
            return x
        shape = [1] * x.ndim
        shape[0] = x.shape[0]
        kept = torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(1 - self.p)
        return x * kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"p={self.p}"


class FixedAffine(nn.Module):
    """`scale * x + shift` with numbers that are not trained and not in the state dict."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: float | list[float], shift: float | list[float], *, dimensions: int) -> None:
        """Create the layer; `dimensions` is 3 for maps and 1 for vectors."""
        super().__init__()
        trailing = (1,) * (dimensions - 1)
        for name, value in (("scale", scale), ("shift", shift)):
            numbers = torch.tensor(value, dtype=torch.float32)
            self.register_buffer(name, numbers.reshape(-1, *trailing) if numbers.ndim else numbers, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the input shape."""
        return x * self.scale + self.shift

    def extra_repr(self) -> str:
        """Show the numbers."""
        return f"scale={self.scale.flatten().tolist()}, shift={self.shift.flatten().tolist()}"
