"""Operations that give the shape they take and cost nothing by fvcore's conventions."""

from typing import ClassVar, Literal

from pydantic import Field

from archbuilder.primitives.fields import Probability
from archbuilder.primitives.primitive import Primitive, Shape


class _Pointwise(Primitive):
    def output_shape(self, arriving: Shape) -> Shape:
        """Give the shape that arrives."""
        return arriving


class Activation(_Pointwise):
    """A nonlinearity, element by element."""

    type: ClassVar[str] = "activation"

    function: Literal["relu", "relu6", "silu", "gelu", "hardswish", "leaky_relu", "sigmoid"] = Field(
        "relu", description="Which function."
    )


class Dropout(_Pointwise):
    """Zeroes elements at random in training and scales the rest, as torch.nn.Dropout; nothing in evaluation."""

    type: ClassVar[str] = "dropout"

    p: Probability = Field(0.5, description="The probability that an element is zeroed.")
