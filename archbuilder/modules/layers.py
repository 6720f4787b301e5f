"""Layers that torch has no module for."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - everybody's name for it


class PaddedConv2d(nn.Conv2d):
    """A convolution with other padding left than right, or above than below. Its state-dict keys are Conv2d's."""

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
            out_channels: Channels that leave.
            kernel_size: (height, width).
            sides: Zeros added (left, right, top, bottom).
            **keys: As torch.nn.Conv2d has them.
        """
        super().__init__(in_channels, out_channels, kernel_size, **keys)
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        """N x in x H x W -> N x out x H' x W'."""
        return super().forward(F.pad(x, self.sides))

    def extra_repr(self) -> str:
        """Show the padding too."""
        return f"{super().extra_repr()}, sides={self.sides}"  # type: ignore[no-untyped-call]


class SameConv2d(nn.Conv2d):
    """A convolution that gives ceil(n / stride) of any n positions: its padding depends on the input size.

    The padding is TensorFlow's SAME, the odd zero at the bottom and the right. State-dict keys are Conv2d's.
    """

    def forward(self, x: Tensor) -> Tensor:
        """N x in x H x W -> N x out x ceil(H / stride) x ceil(W / stride)."""
        tall, wide = self._zeros(x.shape[-2], 0), self._zeros(x.shape[-1], 1)
        # Torch pads evenly without a copy. A size that is exported as a variable is no int, and decides nothing here.
        if isinstance(tall, int) and isinstance(wide, int) and tall % 2 == 0 and wide % 2 == 0:
            even = (tall // 2, wide // 2)
            return F.conv2d(x, self.weight, self.bias, self.stride, even, self.dilation, self.groups)
        sides = (wide // 2, wide - wide // 2, tall // 2, tall - tall // 2)
        return F.conv2d(F.pad(x, sides), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def _zeros(self, extent: int, direction: int) -> int:
        """Count the zeros that are added in a direction."""
        extent = int(extent) if isinstance(extent, Tensor) else extent  # of a trace, which is of one size
        stride, reach = self.stride[direction], self.dilation[direction] * (self.kernel_size[direction] - 1) + 1
        zeros = (extent - 1) // stride * stride + reach - extent  # which is reach - stride at the least
        return zeros if reach >= stride else cast(int, torch.sym_max(zeros, 0))  # type: ignore[no-untyped-call]

    def extra_repr(self) -> str:
        """Show the padding too."""
        return f"{super().extra_repr()}, padding=same"  # type: ignore[no-untyped-call]


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
