"""Activation functions, each declared once: what `conv`, the schema, the docs and the module know of it."""

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from archbuilder.primitives.facts import Call, Shape, Weight
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.primitive import Elementwise, ShapeError, Uncounted


class Function(NamedTuple):
    """An activation function.

    Attributes:
        target: The full name of its torch module.
        saves: What autograd keeps for it.
        same_again: Whether it changes nothing the second time.
        slopes: How many trained slopes it has.
    """

    target: str
    saves: Literal["input", "output", "nothing"]
    same_again: bool = False
    slopes: int = 0


_FUNCTIONS: dict[str, Function] = {
    "none": Function("torch.nn.Identity", "nothing", same_again=True),
    "relu": Function("torch.nn.ReLU", "output", same_again=True),
    "relu6": Function("torch.nn.ReLU6", "input", same_again=True),
    "silu": Function("torch.nn.SiLU", "input"),
    "gelu": Function("torch.nn.GELU", "input"),
    "hardswish": Function("torch.nn.Hardswish", "input"),
    "leaky_relu": Function("torch.nn.LeakyReLU", "input"),
    "sigmoid": Function("torch.nn.Sigmoid", "output"),
    "hardsigmoid": Function("torch.nn.Hardsigmoid", "input"),
    "tanh": Function("torch.nn.Tanh", "output"),
    "mish": Function("torch.nn.Mish", "input"),
    "prelu": Function("torch.nn.PReLU", "input", slopes=1),
    "elu": Function("torch.nn.ELU", "input"),
    "celu": Function("torch.nn.CELU", "input"),
    "selu": Function("torch.nn.SELU", "input"),
    "softplus": Function("torch.nn.Softplus", "input"),
}
ACTIVATIONS: Mapping[str, Function] = MappingProxyType(_FUNCTIONS)
"""The activation functions by name."""


def _known(value: Any) -> Any:
    if value not in ACTIVATIONS if isinstance(value, str) else True:
        expected = ", ".join(ACTIVATIONS)
        raise PydanticCustomError("literal_error", "expected one of {expected}", {"expected": expected})
    return value


ActivationName = Annotated[str, BeforeValidator(_known), WithJsonSchema({"enum": list(ACTIVATIONS), "type": "string"})]
"""The name of an activation function."""


class Activation(Elementwise, Uncounted):
    """An elementwise nonlinearity."""

    type: ClassVar[str] = "activation"
    widths: ClassVar[tuple[str, ...]] = ()

    function: ActivationName = Field("relu", description="Which function.")
    negative_slope: float | None = Field(None, description="Slope of leaky_relu below 0; 0.01 unless given.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        if self.negative_slope is not None and self.function != "leaky_relu":
            raise ShapeError(f"leaky_relu has a negative_slope, {self.function} has none", key="negative_slope")
        return input_shape

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return the trained slope of a prelu, one for all channels."""
        slopes = ACTIVATIONS[self.function].slopes
        return (Weight("weight", (slopes,), ("",)),) if slopes else ()

    def call(self, input_shape: Shape) -> Call:
        """Return the module of torch.nn."""
        slope = {} if self.negative_slope is None else {"negative_slope": self.negative_slope}
        return Call(ACTIVATIONS[self.function].target, (), slope)

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return a new tensor, as torch does not run it in place; `none` passes its input through."""
        return (Allocation(prod(output_shape)),) if self.function != "none" else ()

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept | None:
        """Keep the output of relu, sigmoid and tanh, and the input of the others."""
        if self.function == "none":
            return None
        saves = ACTIVATIONS[self.function].saves
        return Kept(input=saves == "input", output=saves == "output")
