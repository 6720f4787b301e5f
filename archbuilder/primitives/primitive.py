from math import prod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from archbuilder.errors import ArchbuilderError
from archbuilder.primitives.held import Allocation, Kept

Shape = tuple[int, ...]
"""The shape of one sample: (channels, height, width) of a map, or (features,) of a vector."""


class ShapeError(ArchbuilderError):
    """A primitive cannot take what arrives.

    Attributes:
        key: The key of the spec that is at fault, or an empty text for the layer as a whole.
        spatial: Whether the extent is at fault, so that the channels of what follows are still known.
    """

    def __init__(self, message: str, *, key: str = "", spatial: bool = False) -> None:
        super().__init__(message)
        self.key = key
        self.spatial = spatial


class Primitive(BaseModel):
    """One operation with what it costs: its keys, its shape rule, its parameters and its MACs side by side.

    Costs are of one sample, in evaluation mode, by fvcore's conventions: a multiply-add is one MAC, a bias costs
    nothing (fvcore, `fvcore/nn/jit_handles.py`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    type: ClassVar[str]
    """The word by which a spec names it."""

    operator: ClassVar[str | None] = None
    """The name under which fvcore counts it; None for what costs nothing by its conventions."""

    widths: ClassVar[tuple[str, ...]] = ()
    """The keys that are searchable widths."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Give the shape of what leaves.

        Raises:
            ShapeError: The operation cannot take what arrives.
        """
        raise NotImplementedError

    def parameters(self, input_shape: Shape) -> int:
        """Count the trained numbers."""
        return 0

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count the multiply-adds of one sample."""
        return 0

    def stored(self, input_shape: Shape) -> int:
        """Count the numbers that are read in evaluation beside what arrives, trained or not."""
        return self.parameters(input_shape)

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Give the tensors that are made in evaluation, in order, the output last; none where the input is handed on.

        What one kernel gives beside its output comes before the output.
        """
        return (Allocation(prod(output_shape)),)

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept | None:
        """Give what autograd keeps in training; None where the input is handed on in training too."""
        return Kept()


def expect_map(input_shape: Shape, what: str) -> tuple[int, int, int]:
    """Give the channels, height and width of what arrives.

    Raises:
        ShapeError: A vector arrives.
    """
    if len(input_shape) != 3:
        message = f"{what} takes a map (channels x height x width), but its input is a vector of {input_shape[0]}"
        raise ShapeError(message, spatial=True)
    return input_shape[0], input_shape[1], input_shape[2]


def shape_text(shape: Shape) -> str:
    """Write a shape as people do: `64 x 112 x 112`."""
    return " x ".join(str(extent) for extent in shape)
