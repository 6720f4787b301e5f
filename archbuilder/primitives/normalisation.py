from math import prod
from typing import ClassVar

from pydantic import Field

from archbuilder.primitives.fields import Width
from archbuilder.primitives.primitive import Primitive, Shape, ShapeError, expect_map


class BatchNorm(Primitive):
    """Batch normalisation (Ioffe and Szegedy, 2015, arXiv:1502.03167), as torch.nn.BatchNorm2d."""

    type: ClassVar[str] = "batch_norm"
    operator: ClassVar[str | None] = "batch_norm"

    eps: float = Field(1e-5, gt=0, lt=1, description="Added to the variance before the root.")
    momentum: float = Field(0.1, ge=0, le=1, description="How much of each batch enters the running statistics.")
    scale: bool = Field(True, description="Whether each channel has a learned scale.")
    shift: bool = Field(True, description="Whether each channel has a learned shift.")

    def output_shape(self, arriving: Shape) -> Shape:
        """Give the shape that arrives."""
        return expect_map(arriving, "batch normalisation")

    def parameters(self, arriving: Shape) -> int:
        """Count a scale and a shift per channel; the running statistics are not trained."""
        return (self.scale + self.shift) * arriving[0]

    def macs(self, arriving: Shape, leaving: Shape) -> int:
        """Count two per element in evaluation, one without a scale, as fvcore does."""
        return (1 + self.scale) * prod(arriving)


class GroupNorm(Primitive):
    """Group normalisation (Wu and He, 2018, arXiv:1803.08494), as torch.nn.GroupNorm."""

    type: ClassVar[str] = "group_norm"
    operator: ClassVar[str | None] = "group_norm"

    groups: Width = Field(description="Groups that the channels are split into; must divide their number.")
    eps: float = Field(1e-5, gt=0, lt=1, description="Added to the variance before the root.")
    affine: bool = Field(True, description="Whether each channel has a learned scale and shift.")

    def output_shape(self, arriving: Shape) -> Shape:
        """Give the shape that arrives."""
        channels, *_ = expect_map(arriving, "group normalisation")
        if channels % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide the {channels} channels that arrive", key="groups")
        return arriving

    def parameters(self, arriving: Shape) -> int:
        """Count a scale and a shift per channel."""
        return 2 * arriving[0] * self.affine

    def macs(self, arriving: Shape, leaving: Shape) -> int:
        """Count five per element, four without scale and shift, as fvcore's rough estimate does."""
        return (4 + self.affine) * prod(arriving)


class LocalResponseNorm(Primitive):
    """Normalisation by neighbouring channels (Krizhevsky et al., 2012, section 3.3), as torch.nn.LocalResponseNorm."""

    type: ClassVar[str] = "local_response_norm"

    size: Width = Field(5, description="Neighbouring channels in the sum.")
    alpha: float = Field(1e-4, ge=0, description="Multiplies the sum of squares, which is divided by `size`.")
    beta: float = Field(0.75, description="The exponent.")
    k: float = Field(1.0, gt=0, description="Added to the sum.")

    def output_shape(self, arriving: Shape) -> Shape:
        """Give the shape that arrives."""
        return expect_map(arriving, "local response normalisation")
