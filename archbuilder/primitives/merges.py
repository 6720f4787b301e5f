"""The merges of parallel branches. A merge has no parameters and no MACs by fvcore's conventions."""

from collections.abc import Sequence
from math import prod
from typing import ClassVar

from archbuilder.primitives.facts import Shape
from archbuilder.primitives.held import Allocation
from archbuilder.primitives.primitive import ShapeError, expect_map, shape_text


class Merge:
    """An operation that merges branches; a subclass declares every fact below, and a docstring.

    Raises:
        TypeError: A subclass lacks one.
    """

    type: ClassVar[str]
    """Its key in a spec."""

    target: ClassVar[str]
    """The torch function that it is."""

    pairwise: ClassVar[bool]
    """Whether the function takes two tensors at a time, elementwise; otherwise a list, along the channels."""

    keeps_operands: ClassVar[bool]
    """Whether autograd saves the operands of each pairwise merge."""

    def __init_subclass__(cls) -> None:
        missing = [name for name in ("type", "target", "pairwise", "keeps_operands") if not hasattr(cls, name)]
        if missing or not cls.__doc__:
            raise TypeError(f"the merge {cls.__name__} does not declare {', '.join(missing) or 'a docstring'}")

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
    target: ClassVar[str] = "torch.cat"
    pairwise: ClassVar[bool] = False
    keeps_operands: ClassVar[bool] = False

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
    target: ClassVar[str] = "torch.add"
    pairwise: ClassVar[bool] = True
    keeps_operands: ClassVar[bool] = False

    def output_shape(self, input_shapes: Sequence[Shape], names: Sequence[str] = ()) -> Shape:
        """Return the common shape of the branches."""
        if len(set(input_shapes)) > 1:
            raise ShapeError(f"branches of different shapes cannot be added: {_list(input_shapes, names)}")
        return input_shapes[0]


class Multiply(Merge):
    """Multiplies branches elementwise; a map of 1 x 1, or of one channel, is broadcast, as attention needs."""

    type: ClassVar[str] = "multiply"
    target: ClassVar[str] = "torch.mul"
    pairwise: ClassVar[bool] = True
    keeps_operands: ClassVar[bool] = True

    def output_shape(self, input_shapes: Sequence[Shape], names: Sequence[str] = ()) -> Shape:
        """N x C x H x W, where each branch is N x C x H x W, N x C x 1 x 1 or N x 1 x H x W."""
        if len({len(shape) for shape in input_shapes}) == 1:
            whole = _broadcast(input_shapes)
            if all(self._fits(shape, whole) for shape in input_shapes):
                return whole
        raise ShapeError(f"branches of these shapes cannot be multiplied: {_list(input_shapes, names)}")

    @staticmethod
    def _fits(shape: Shape, whole: Shape) -> bool:
        return shape == whole or (len(whole) == 3 and (shape == (whole[0], 1, 1) or shape == (1, *whole[1:])))

    def allocations(self, input_shapes: Sequence[Shape]) -> tuple[Allocation, ...]:
        """Return the pairwise products, which are broadcast; each but the last is held until the next is allocated."""
        products = [_broadcast(input_shapes[:count]) for count in range(2, len(input_shapes) + 1)]
        return tuple(Allocation(prod(shape), outlived_by=1) for shape in products)


def _broadcast(shapes: Sequence[Shape]) -> Shape:
    return tuple(max(extents) for extents in zip(*shapes, strict=True))


def _list(shapes: Sequence[Shape], names: Sequence[str]) -> str:
    if len(names) != len(shapes):
        return ", ".join(shape_text(shape) for shape in shapes)
    return ", ".join(f"{name} {shape_text(shape)}" for name, shape in zip(names, shapes, strict=True))
