"""Weight initialization schemes by name."""

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticKnownError

Scheme = Literal["pytorch", "kaiming", "xavier", "truncated_normal", "normal", "zeros"]

_KEYS: dict[Scheme, tuple[str, ...]] = {
    "pytorch": (),
    "kaiming": ("mode", "distribution", "nonlinearity", "a", "bias"),
    "xavier": ("distribution", "gain", "bias"),
    "truncated_normal": ("std", "a", "b", "bias"),
    "normal": ("std", "bias"),
    "zeros": ("bias",),
}
"""The keys of each scheme."""


class Init(BaseModel):
    """A weight initialization of convolutions and linear layers, by the functions of torch.nn.init."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    type: Scheme = Field(
        description="pytorch: each layer's own default. kaiming: He et al., 2015. xavier: Glorot and Bengio, 2010. "
        "truncated_normal: normal within a and b. zeros: weights and biases, also of a norm."
    )
    std: float = Field(0.01, gt=0, le=100, description="Standard deviation of normal and truncated_normal.")
    mode: Literal["fan_in", "fan_out"] | None = Field(
        None,
        description="The connections that kaiming counts; unless given, fan_out for convolutions, and linear layers "
        "are normal with 0.01.",
    )
    distribution: Literal["normal", "uniform"] | None = Field(
        None, description="Of kaiming, normal unless given, and of xavier, uniform unless given."
    )
    nonlinearity: Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"] = Field(
        "relu", description="What follows the layer, for kaiming."
    )
    a: float | None = Field(
        None, ge=-100, le=100, description="Negative slope of kaiming's leaky_relu, 0; smallest truncated_normal, -2."
    )
    b: float | None = Field(None, ge=-100, le=100, description="Largest truncated_normal; 2 unless given.")
    gain: float = Field(1.0, gt=0, le=100, description="Factor of xavier.")
    bias: Literal["zeros", "pytorch"] | None = Field(
        None, description="Biases; unless given zeros, and PyTorch's for pytorch and truncated_normal."
    )

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        """Refuse keys that the scheme does not have."""
        keys = _KEYS[self.type]
        for key in sorted(self.model_fields_set - {"type", *keys}):
            known = f"its keys are {', '.join(keys)}" if keys else "it has no keys"
            raise ValueError(f"expected no {key!r} beside type: {self.type}; {known}")
        lower, upper = self.bounds
        if self.type == "truncated_normal" and lower >= upper:
            raise ValueError(f"expected a below b, not {lower:g} and {upper:g}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest value of truncated_normal."""
        return -2.0 if self.a is None else self.a, 2.0 if self.b is None else self.b

    @property
    def keeps_bias(self) -> bool:
        """Whether biases are PyTorch's."""
        return self.type in ("pytorch", "truncated_normal") if self.bias is None else self.bias == "pytorch"


def _from_word(value: Any) -> Any:
    """Convert the name of a scheme to a mapping with a type."""
    if not isinstance(value, str):
        return value
    if value not in get_args(Scheme):  # checked here, as a name has no key `type` to point at
        raise PydanticKnownError("literal_error", {"expected": ", ".join(get_args(Scheme))})
    return {"type": value}


InitField = Annotated[Init, BeforeValidator(_from_word, json_schema_input_type=Init | Scheme)]
"""An initialization in a file: a name, or a mapping with a type."""


class OwnInit(BaseModel):
    """The key `init` of one layer."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    init: InitField
