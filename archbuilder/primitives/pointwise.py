"""Operations that keep the shape of their input and have no MACs by fvcore's conventions."""

from math import prod
from typing import ClassVar, Literal

from pydantic import Field

from archbuilder.primitives.fields import Probability, Width
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.primitive import Primitive, Shape, ShapeError, expect_map


class _Pointwise(Primitive):
    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return input_shape


class Activation(_Pointwise):
    """An elementwise nonlinearity."""

    type: ClassVar[str] = "activation"

    function: Literal["none", "relu", "relu6", "silu", "gelu", "hardswish", "leaky_relu", "sigmoid"] = Field(
        "relu", description="Which function."
    )

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return a new tensor, as torch does not run it in place; `none` passes its input through."""
        return (Allocation(prod(output_shape)),) if self.function != "none" else ()

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept | None:
        """Keep the output for relu and sigmoid, and the input for the others."""
        if self.function == "none":
            return None
        by_output = self.function in ("relu", "sigmoid")
        return Kept(input=not by_output, output=by_output)


class Dropout(_Pointwise):
    """Zeroes elements at random in training and scales the rest, as torch.nn.Dropout; nothing in evaluation."""

    type: ClassVar[str] = "dropout"

    p: Probability = Field(0.5, description="The probability that an element is zeroed.")

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return nothing: dropout does nothing in evaluation."""
        return ()

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept | None:
        """Keep a factor for each element, as on the CPU; CUDA keeps a byte. `p: 0` passes its input through."""
        return Kept(values=prod(input_shape)) if self.p else None


class Identity(_Pointwise):
    """Passes its input through, as torch.nn.Identity."""

    type: ClassVar[str] = "identity"

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return nothing: the input is passed through."""
        return ()

    def kept(self, input_shape: Shape, output_shape: Shape) -> None:
        """Return nothing: the input is passed through."""


class Rescale(_Pointwise):
    """`scale` times the input plus `shift`: fixed numbers, not trained, one of each or one for each channel.

    With it a residual branch is scaled (Szegedy et al., 2016, arXiv:1602.07261, section 3.3), and images are
    normalized inside the network.
    """

    type: ClassVar[str] = "rescale"

    scale: float | list[float] = Field(1.0, description="The factor: one number, or one for each channel.")
    shift: float | list[float] = Field(0.0, description="The offset: one number, or one for each channel.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        for key, value in (("scale", self.scale), ("shift", self.shift)):
            if isinstance(value, list) and len(value) != input_shape[0]:
                raise ShapeError(
                    f"{len(value)} numbers are given, but the input has {input_shape[0]} channels", key=key
                )
        return input_shape

    def stored(self, input_shape: Shape) -> int:
        """Count the fixed numbers."""
        return sum(len(numbers) if isinstance(numbers, list) else 1 for numbers in (self.scale, self.shift))

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the product too, which is freed after the shift is added."""
        return Allocation(prod(output_shape), outlived_by=1), Allocation(prod(output_shape))


class ChannelShuffle(Primitive):
    """Interleaves the channels of groups (Zhang et al., 2017, arXiv:1707.01083), as torch.nn.ChannelShuffle."""

    type: ClassVar[str] = "channel_shuffle"

    groups: Width = Field(description="Groups that are interleaved; must divide the channels.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        channels, *_ = expect_map(input_shape, "a channel shuffle")
        if channels % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide the {channels} input channels", key="groups")
        return input_shape
