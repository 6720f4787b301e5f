from math import prod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from archbuilder.errors import ArchbuilderError
from archbuilder.primitives.held import Allocation, Kept

Shape = tuple[int, ...]
"""The shape of one sample: (channels, height, width) of a map, or (features,) of a vector."""


class ShapeError(ArchbuilderError):
    """The input of a primitive has the wrong shape.

    Attributes:
        key: The key of the spec with the error, or an empty string for the whole layer.
        spatial: Whether only the height and width are wrong, so that the channels of later layers are still known.
    """

    def __init__(self, message: str, *, key: str = "", spatial: bool = False) -> None:
        super().__init__(message)
        self.key = key
        self.spatial = spatial


class Primitive(BaseModel):
    """An operation: its keys, its shape rule, its parameters and its MACs.

    Costs are for one sample in evaluation mode, by fvcore's conventions: a multiply-add is one MAC, a bias costs
    nothing (fvcore, `fvcore/nn/jit_handles.py`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    type: ClassVar[str]
    """Its `type` in a spec."""

    operator: ClassVar[str | None] = None
    """The name under which fvcore counts it; None if it has no MACs by fvcore's conventions."""

    widths: ClassVar[tuple[str, ...]] = ()
    """The keys that are searchable widths."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output.

        Raises:
            ShapeError: The input has the wrong shape.
        """
        raise NotImplementedError

    def parameters(self, input_shape: Shape) -> int:
        """Count the trainable parameters."""
        return 0

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count the multiply-adds of one sample."""
        return 0

    def stored(self, input_shape: Shape) -> int:
        """Count the parameters and buffers that are read in evaluation."""
        return self.parameters(input_shape)

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the allocations in evaluation, in order, the output last; none if the input is passed through.

        Other results of a kernel come before its output.
        """
        return (Allocation(prod(output_shape)),)

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept | None:
        """Return what autograd saves in training; None if the input is passed through in training, too."""
        return Kept()


def expect_map(input_shape: Shape, what: str) -> tuple[int, int, int]:
    """Return the channels, height and width of the input.

    Raises:
        ShapeError: The input is a vector.
    """
    if len(input_shape) != 3:
        message = f"{what} takes a map (channels x height x width), but its input is a vector of {input_shape[0]}"
        raise ShapeError(message, spatial=True)
    return input_shape[0], input_shape[1], input_shape[2]


def shape_text(shape: Shape) -> str:
    """Format a shape: `64 x 112 x 112`."""
    return " x ".join(str(extent) for extent in shape)
