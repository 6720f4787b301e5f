from typing import ClassVar

from pydantic import Field

from archbuilder.primitives.primitive import Primitive, Shape, expect_map


class BatchNorm(Primitive):
    """Batch normalisation with learned scale and shift, as torch.nn.BatchNorm2d."""

    type: ClassVar[str] = "batch_norm"
    operator: ClassVar[str | None] = "batch_norm"

    eps: float = Field(1e-5, gt=0, lt=1, description="Added to the variance before the root.")

    def output_shape(self, arriving: Shape) -> Shape:
        """Give the shape that arrives."""
        return expect_map(arriving, "batch normalisation")

    def parameters(self, arriving: Shape) -> int:
        """Count a scale and a shift per channel; the running statistics are not trained."""
        return 2 * arriving[0]

    def macs(self, arriving: Shape, leaving: Shape) -> int:
        """Count two per element in evaluation, as fvcore does."""
        return 2 * arriving[0] * arriving[1] * arriving[2]
