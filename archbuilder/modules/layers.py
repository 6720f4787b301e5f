"""The few layers that torch has no module for."""

from typing import Any

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
        """Make the layer.

        Args:
            in_channels: Channels that arrive.
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


class FixedAffine(nn.Module):
    """`scale * x + shift` with numbers that are not trained and not in the state dict."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: float | list[float], shift: float | list[float], *, dimensions: int) -> None:
        """Make the layer; `dimensions` is 3 for maps and 1 for vectors."""
        super().__init__()
        trailing = (1,) * (dimensions - 1)
        for name, value in (("scale", scale), ("shift", shift)):
            numbers = torch.tensor(value, dtype=torch.float32)
            self.register_buffer(name, numbers.reshape(-1, *trailing) if numbers.ndim else numbers, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Give the shape that arrives."""
        return x * self.scale + self.shift

    def extra_repr(self) -> str:
        """Show the numbers."""
        return f"scale={self.scale.flatten().tolist()}, shift={self.shift.flatten().tolist()}"
