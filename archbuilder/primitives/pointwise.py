"""Operations that give the shape they take and cost nothing by fvcore's conventions."""

from typing import ClassVar, Literal

from pydantic import Field

from archbuilder.primitives.fields import Probability, Width
from archbuilder.primitives.primitive import Primitive, Shape, ShapeError, expect_map


class _Pointwise(Primitive):
    def output_shape(self, arriving: Shape) -> Shape:
        """Give the shape that arrives."""
        return arriving


class Activation(_Pointwise):
    """A nonlinearity, element by element."""

    type: ClassVar[str] = "activation"

    function: Literal["none", "relu", "relu6", "silu", "gelu", "hardswish", "leaky_relu", "sigmoid"] = Field(
        "relu", description="Which function."
    )


class Dropout(_Pointwise):
    """Zeroes elements at random in training and scales the rest, as torch.nn.Dropout; nothing in evaluation."""

    type: ClassVar[str] = "dropout"

    p: Probability = Field(0.5, description="The probability that an element is zeroed.")


class Identity(_Pointwise):
    """What arrives."""

    type: ClassVar[str] = "identity"


class Rescale(_Pointwise):
    """Fixed numbers, not trained: `scale` times what arrives, plus `shift`; one of each, or one for each channel.

    With it a residual branch is scaled (Szegedy et al., 2016, arXiv:1602.07261, section 3.3), and images are
    normalised inside the network.
    """

    type: ClassVar[str] = "rescale"

    scale: float | list[float] = Field(1.0, description="Multiplies: one number, or one for each channel.")
    shift: float | list[float] = Field(0.0, description="Is added: one number, or one for each channel.")

    def output_shape(self, arriving: Shape) -> Shape:
        """Give the shape that arrives."""
        for key, value in (("scale", self.scale), ("shift", self.shift)):
            if isinstance(value, list) and len(value) != arriving[0]:
                raise ShapeError(f"{len(value)} numbers are given, but {arriving[0]} channels arrive", key=key)
        return arriving


class ChannelShuffle(Primitive):
    """Channels of the groups interleaved (Zhang et al., 2017, arXiv:1707.01083), as torch.nn.ChannelShuffle."""

    type: ClassVar[str] = "channel_shuffle"

    groups: Width = Field(description="Groups that are interleaved; must divide the channels.")

    def output_shape(self, arriving: Shape) -> Shape:
        """Give the shape that arrives."""
        channels, *_ = expect_map(arriving, "a channel shuffle")
        if channels % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide the {channels} channels that arrive", key="groups")
        return arriving
