"""The merges of parallel branches. A merge has no parameters and no MACs by fvcore's conventions."""

from collections.abc import Sequence
from math import prod
from typing import ClassVar

from archbuilder.primitives.held import Allocation
from archbuilder.primitives.primitive import Shape, ShapeError, expect_map, shape_text


class Merge:
    """An operation that merges branches."""

    type: ClassVar[str]

    keeps_operands: ClassVar[bool] = False
    """Whether autograd saves the operands of each pairwise merge."""

    def output_shape(self, input_shapes: Sequence[Shape], names: Sequence[str] = ()) -> Shape:
        """Return the output shape for the input shapes.

        Args:
            input_shapes: The shapes of the inputs.
            names: The names of the branches for an error; empty if they have none.

        Raises:
            ShapeError: The branches do not fit each other.
        """
        raise NotImplementedError

    def allocations(self, input_shapes: Sequence[Shape]) -> tuple[Allocation, ...]:
        """Return the allocations in order, the output last; none for a single branch that is passed through.

        Branches are merged pairwise: each result but the last is held until the next is allocated.
        """
        largest = [max(map(prod, input_shapes[:count])) for count in range(2, len(input_shapes) + 1)]
        return tuple(Allocation(values, outlived_by=1) for values in largest)


class Concat(Merge):
    """Concatenates branches along the channels."""

    type: ClassVar[str] = "concat"

    def output_shape(self, input_shapes: Sequence[Shape], names: Sequence[str] = ()) -> Shape:
        """N x C_i x H x W each -> N x sum(C_i) x H x W."""
        for shape in input_shapes:
            expect_map(shape, "concat")
        if len({shape[1:] for shape in input_shapes}) > 1:
            raise ShapeError(
                f"branches of different sizes cannot be concatenated: {_list(input_shapes, names)}", spatial=True
            )
        return sum(shape[0] for shape in input_shapes), *input_shapes[0][1:]

    def allocations(self, input_shapes: Sequence[Shape]) -> tuple[Allocation, ...]:
        """Return one tensor, even for a single branch."""
        return (Allocation(sum(map(prod, input_shapes))),)


class Add(Merge):
    """Adds branches elementwise."""

    type: ClassVar[str] = "add"

    def output_shape(self, input_shapes: Sequence[Shape], names: Sequence[str] = ()) -> Shape:
        """Return the common shape of the branches."""
        if len(set(input_shapes)) > 1:
            raise ShapeError(f"branches of different shapes cannot be added: {_list(input_shapes, names)}")
        return input_shapes[0]


class Multiply(Merge):
    """Multiplies branches elementwise; a 1 x 1 map is broadcast, as in squeeze-and-excitation."""

    type: ClassVar[str] = "multiply"
    keeps_operands: ClassVar[bool] = True

    def output_shape(self, input_shapes: Sequence[Shape], names: Sequence[str] = ()) -> Shape:
        """N x C x H x W, where each branch is N x C x H x W or N x C x 1 x 1."""
        largest = max(input_shapes, key=prod)
        for shape in input_shapes:
            if shape != largest and shape != (largest[0], 1, 1)[: len(largest)]:
                raise ShapeError(f"branches of these shapes cannot be multiplied: {_list(input_shapes, names)}")
        return largest


def _list(shapes: Sequence[Shape], names: Sequence[str]) -> str:
    if len(names) != len(shapes):
        return ", ".join(shape_text(shape) for shape in shapes)
    return ", ".join(f"{name} {shape_text(shape)}" for name, shape in zip(names, shapes, strict=True))
