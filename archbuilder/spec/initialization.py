"""Weight initialization schemes by name."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticKnownError

Scheme = Literal["pytorch", "kaiming", "xavier", "truncated_normal", "normal", "zeros"]


class Init(BaseModel):
    """A weight initialization."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    type: Scheme = Field(
        description="pytorch: each layer's own default. kaiming (He et al., 2015): normal by fan-out for convolutions "
        "with zero bias, normal 0.01 for linear layers. xavier (Glorot and Bengio, 2010): uniform, zero bias. "
        "truncated_normal: cut at two, bias by default. normal: zero bias. zeros: weights and biases, also of a norm."
    )
    std: float = Field(0.01, gt=0, le=100, description="Standard deviation of normal and truncated_normal.")


def _from_word(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in get_args(Scheme):  # here, as the word has no key `type` to point at
        raise PydanticKnownError("literal_error", {"expected": ", ".join(get_args(Scheme))})
    return {"type": value}


InitField = Annotated[Init, BeforeValidator(_from_word, json_schema_input_type=Init | Scheme)]
"""An initialization in a file: a name, or a mapping with a type."""


class OwnInit(BaseModel):
    """The key `init` of one layer."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    init: InitField
