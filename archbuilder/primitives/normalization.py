from math import prod
from typing import ClassVar

from pydantic import Field

from archbuilder.primitives.fields import Width
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.primitive import Primitive, Shape, ShapeError, expect_map


class BatchNorm(Primitive):
    """Batch normalization (Ioffe and Szegedy, 2015, arXiv:1502.03167), as torch.nn.BatchNorm2d."""

    type: ClassVar[str] = "batch_norm"
    operator: ClassVar[str | None] = "batch_norm"

    eps: float = Field(1e-5, gt=0, lt=1, description="Added to the variance before the root.")
    momentum: float = Field(0.1, ge=0, le=1, description="Weight of each batch in the running statistics.")
    scale: bool = Field(True, description="Whether each channel has a learned scale.")
    shift: bool = Field(True, description="Whether each channel has a learned shift.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return expect_map(input_shape, "batch normalization")

    def parameters(self, input_shape: Shape) -> int:
        """Count a scale and a shift per channel; the running statistics are not trained."""
        return (self.scale + self.shift) * input_shape[0]

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count two per element in evaluation, one without a scale, as fvcore does."""
        return (1 + self.scale) * prod(input_shape)

    def stored(self, input_shape: Shape) -> int:
        """Count the running mean and variance too."""
        return self.parameters(input_shape) + 2 * input_shape[0]

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, and the mean and standard deviation of each channel."""
        return Kept(input=True, per_batch=2 * input_shape[0])


class GroupNorm(Primitive):
    """Group normalization (Wu and He, 2018, arXiv:1803.08494), as torch.nn.GroupNorm."""

    type: ClassVar[str] = "group_norm"
    operator: ClassVar[str | None] = "group_norm"

    groups: Width = Field(description="Groups that the channels are split into; must divide their number.")
    eps: float = Field(1e-5, gt=0, lt=1, description="Added to the variance before the root.")
    affine: bool = Field(True, description="Whether each channel has a learned scale and shift.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        channels, *_ = expect_map(input_shape, "group normalization")
        if channels % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide the {channels} input channels", key="groups")
        return input_shape

    def parameters(self, input_shape: Shape) -> int:
        """Count a scale and a shift per channel."""
        return 2 * input_shape[0] * self.affine

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count five per element, four without scale and shift, as fvcore's rough estimate does."""
        return (4 + self.affine) * prod(input_shape)

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the mean and standard deviation of each group too, which are freed at once."""
        return (
            Allocation(self.groups, outlived_by=2),
            Allocation(self.groups, outlived_by=1),
            Allocation(prod(output_shape)),
        )

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, and the mean and standard deviation of each group."""
        return Kept(input=True, values=2 * self.groups)


class LocalResponseNorm(Primitive):
    """Normalization by neighboring channels (Krizhevsky et al., 2012, section 3.3), as torch.nn.LocalResponseNorm."""

    type: ClassVar[str] = "local_response_norm"

    size: Width = Field(5, description="Neighboring channels in the sum.")
    alpha: float = Field(1e-4, ge=0, description="Multiplies the sum of squares, which is divided by `size`.")
    beta: float = Field(0.75, description="The exponent.")
    k: float = Field(1.0, gt=0, description="Added to the sum.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return expect_map(input_shape, "local response normalization")

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the intermediate tensors of torch.nn.functional.local_response_norm too."""
        map_ = prod(output_shape)
        return (
            Allocation(map_, outlived_by=1),  # squares
            Allocation(self._padded(input_shape), outlived_by=1),
            Allocation(map_, outlived_by=3),  # means of neighbors
            Allocation(map_, outlived_by=1),  # times alpha
            Allocation(map_, outlived_by=1),  # plus k
            Allocation(map_, outlived_by=1),  # to the power of beta
            Allocation(map_),
        )

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, the padded squares, and the base and result of the power."""
        return Kept(input=True, values=self._padded(input_shape) + 2 * prod(input_shape))

    def _padded(self, input_shape: Shape) -> int:
        """Count the values including the zero channels before the first and after the last."""
        return (input_shape[0] + self.size - 1) * input_shape[1] * input_shape[2]
