"""The base classes of primitives: one declaration that everything else reads."""

from math import prod
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from archbuilder.errors import ArchbuilderError
from archbuilder.primitives.facts import ONE_POSITION, Call, Channels, Counters, Same, Shape, Weight, Window
from archbuilder.primitives.held import Allocation, Kept


class ShapeError(ArchbuilderError):
    """The input of a primitive has the wrong shape.

    Attributes:
        key: The key of the spec with the error, or an empty string for the whole layer.
        spatial: Whether only height and width are at fault, so that the channels of later layers are still known.
    """

    def __init__(self, message: str, *, key: str = "", spatial: bool = False) -> None:
        super().__init__(message)
        self.key = key
        self.spatial = spatial


class Primitive(BaseModel):
    """An operation: the keys that a spec gives it, as fields, and every fact about it, as methods.

    A subclass with a `type` is a declaration. It must define each fact itself or inherit it from a mixin such as
    `Elementwise`; a class that lacks a fact raises a TypeError when it is defined. No fact needs torch. Costs
    are for one sample in evaluation mode, by fvcore's conventions: a multiply-add is one MAC, a bias costs nothing
    (fvcore, `fvcore/nn/jit_handles.py`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    type: ClassVar[str]
    """Its `type` in a spec."""

    widths: ClassVar[tuple[str, ...]]
    """The keys, integers, that a search may change: output channels, as a rule."""

    counters: ClassVar[Counters]
    """What fvcore and torch count for it."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output.

        Raises:
            ShapeError: The input has the wrong shape.
        """
        raise NotImplementedError

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return its parameters and buffers, in the order of the state dict."""
        raise NotImplementedError

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count the multiply-adds of one sample."""
        raise NotImplementedError

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return the receptive field of one position of the output: kernel size, stride and dilation."""
        raise NotImplementedError

    def channels(self, input_shape: Shape, output_shape: Shape) -> Channels:
        """Return how the output channels depend on the input channels."""
        raise NotImplementedError

    def call(self, input_shape: Shape) -> Call:
        """Return the torch call that makes its module."""
        raise NotImplementedError

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the allocations in evaluation, in order, the output last; none if the input is passed through.

        Auxiliary outputs of a kernel, such as the indices of max pooling, precede its output.
        """
        raise NotImplementedError

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept | None:
        """Return what autograd saves for the backward pass; None if the input is passed through in training, too."""
        raise NotImplementedError

    @property
    def operator(self) -> str:
        """The name under which its MACs are listed: fvcore's operator, or its type if fvcore counts none."""
        return self.counters.fvcore or self.type

    @property
    def place(self) -> str:
        """The full name of the earlier layer whose height and width the output takes, as `upsample` with `like` does.

        An empty string if the size does not depend on another layer.
        """
        return ""

    def with_size(self, size: tuple[int, int]) -> "Primitive":
        """Return the primitive with the height and width of the layer that `place` names."""
        return self

    def macs_by_operator(self, input_shape: Shape, output_shape: Shape) -> dict[str, int]:
        """Split the MACs by fvcore's operators; a primitive of several operators overrides this."""
        return {self.operator: self.macs(input_shape, output_shape)}

    def activations(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count the outputs of convolutions and linear layers, as fvcore does; one with several overrides this."""
        return prod(output_shape) if self.counters.product else 0

    def parameters(self, input_shape: Shape) -> int:
        """Count the trainable parameters."""
        return sum(prod(weight.shape) for weight in self.weights(input_shape) if weight.trained)

    def stored(self, input_shape: Shape) -> int:
        """Count the parameters and buffers that are read in evaluation."""
        return sum(prod(weight.shape) for weight in self.weights(input_shape) if weight.read)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a declaration that lacks a fact.

        Raises:
            TypeError: The class has a `type`, but a fact, a description or a docstring is missing, or `widths` names a
                key that it has not.
        """
        super().__pydantic_init_subclass__(**kwargs)
        if "type" not in cls.__dict__:  # a mixin
            return
        missing = [name for name in _CONSTANTS if not hasattr(cls, name)]
        missing += [name for name in _FACTS if getattr(cls, name) is getattr(Primitive, name)]
        missing += [f"a description of {name}" for name, field in cls.model_fields.items() if not field.description]
        missing += [] if cls.__dict__.get("__doc__") else ["a docstring"]
        keys = {field.alias or name for name, field in cls.model_fields.items()}
        if unknown := [key for key in getattr(cls, "widths", ()) if key not in keys]:
            raise TypeError(
                f"the primitive {cls.__name__} ({cls.type}) has no key {unknown[0]!r}, which is in `widths`"
            )
        if missing:
            raise TypeError(f"the primitive {cls.__name__} ({cls.type}) does not declare {', '.join(missing)}")


_CONSTANTS = ("widths", "counters")
_FACTS = ("output_shape", "weights", "macs", "window", "channels", "call", "allocations", "kept")


class Weightless(Primitive):
    """A primitive without parameters and buffers."""

    widths: ClassVar[tuple[str, ...]] = ()

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return nothing: there are no parameters and no buffers."""
        return ()


class Uncounted(Primitive):
    """A primitive that no counter counts; subclasses may say why in `counters`."""

    counters: ClassVar[Counters] = Counters(None, product=False, note="fvcore and torch count it as nothing")

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count nothing, as fvcore does."""
        return 0


class KeepsChannels(Primitive):
    """A primitive whose output channels depend on the input channels one to one."""

    def channels(self, input_shape: Shape, output_shape: Shape) -> Channels:
        """Return that each output channel depends on the input channel of the same index."""
        return Same()


class OneTensor(Primitive):
    """A primitive that allocates its output and nothing else."""

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the output alone."""
        return (Allocation(prod(output_shape)),)


class PositionByPosition(Primitive):
    """A primitive whose output at a position depends on the input at that position alone."""

    def window(self, input_shape: Shape, output_shape: Shape) -> Window:
        """Return one position."""
        return ONE_POSITION


class Elementwise(KeepsChannels, PositionByPosition, OneTensor):
    """A primitive that keeps the shape and treats each value by itself."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return input_shape


def expect_map(input_shape: Shape, what: str) -> tuple[int, int, int]:
    """Return the channels, height and width of the input.

    Raises:
        ShapeError: The input is a vector.
    """
    if len(input_shape) != 3:
        message = f"{what} takes a map (channels x height x width), but its input is a vector of {input_shape[0]}"
        raise ShapeError(message, spatial=True)
    return input_shape[0], input_shape[1], input_shape[2]


def expect_groups(groups: int, *counts: int) -> None:
    """Check that groups divide numbers of channels evenly.

    Raises:
        ShapeError: A number of channels is not a multiple of `groups`.
    """
    if any(count % groups for count in counts):
        found = (
            f"the {counts[0]} input channels"
            if len(counts) == 1
            else (f"{counts[0]} input and {counts[1]} output channels evenly")
        )
        raise ShapeError(f"{groups} groups do not divide {found}", key="groups")


def shape_text(shape: Shape) -> str:
    """Format a shape: `64 x 112 x 112`."""
    return " x ".join(str(extent) for extent in shape)
