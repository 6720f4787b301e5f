"""How a block declares its parameters, and the model that a layer's values are validated against."""

import re
from collections.abc import Mapping as Values
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from archbuilder.errors import Problem
from archbuilder.primitives.fields import LARGEST_WIDTH, Padding, PositivePair, Probability
from archbuilder.spec.grammar import LAYER_KEYS
from archbuilder.spec.nodes import Mapping, Node, describe, location, plain
from archbuilder.spec.validation import Locator, locator, validate

PARAMETER_TYPES: dict[str, Any] = {
    "width": Annotated[int, Field(ge=0, le=LARGEST_WIDTH)],  # a searchable number of channels; 0 leaves a branch out
    "integer": int,
    "number": float,
    "boolean": bool,
    "word": str,
    "probability": Probability,
    "size": PositivePair,
    "padding": Padding,
}


class Parameter(BaseModel):
    """One parameter of a block."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    type: Literal["width", "integer", "number", "boolean", "word", "probability", "size", "padding"] = Field(
        description="What values it takes. A width is a number of channels: it can be searched, and 0 drops its branch."
    )
    description: str = Field("", description="What it is, for readers and editors.")
    default: Any = Field(None, description="Its value where a layer gives none; without it the key is required.")
    choices: list[str | int | float] | None = Field(None, min_length=1, description="The values it may have.")
    minimum: int | float | None = Field(None, description="The least it may be.")
    maximum: int | float | None = Field(None, description="The most it may be.")
    optional: bool = Field(False, description="Whether it may be left out without a default; it is then `nothing`.")


def arguments_model(name: str, parameters: Values[str, Parameter]) -> type[BaseModel]:
    """Make the model that the keys of a layer of a block are validated against, fields in the parameters' order."""
    fields: dict[str, Any] = {}
    for position, (key, parameter) in enumerate(parameters.items()):
        kind = PARAMETER_TYPES[parameter.type]
        if parameter.choices:
            kind = Literal[tuple(parameter.choices)]
        if parameter.minimum is not None or parameter.maximum is not None:
            kind = Annotated[kind, Field(ge=parameter.minimum, le=parameter.maximum)]
        if parameter.optional:
            kind = kind | None
        default = parameter.default if parameter.optional or parameter.default is not None else ...
        # A parameter such as 3x3 is not an identifier: it is the alias of a field that is.
        fields[f"parameter_{position}"] = (kind, Field(default, alias=key, description=parameter.description))
    config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)
    return create_model(name, __config__=config, **fields)


def read_parameters(node: Node | None, path: str, problems: list[Problem]) -> dict[str, Parameter]:
    """Read the declarations of a block; what is wrong with them is added to `problems`."""
    parameters: dict[str, Parameter] = {}
    if node is None:
        return parameters
    if not isinstance(node, Mapping):
        message = f"found {describe(node)}, expected names and types, such as {{out: width, stride: size}}"
        problems.append(Problem(message, location(node), path))
        return parameters
    for key, entry in node.entries.items():
        if key in LAYER_KEYS or key == "classes" or not re.fullmatch(r"\w+", key):
            why = "it means something already" if re.fullmatch(r"\w+", key) else "letters, digits and _ alone"
            message = f"{key[:40]!r} cannot name a parameter: {why}"
            problems.append(Problem(message, node.key_location(key), f"{path}.{key}"))
            continue
        parameter = _read_parameter(key, entry.value, f"{path}.{key}", problems)
        if parameter:
            parameters[key] = parameter
    return parameters


def _read_parameter(key: str, node: Node, path: str, problems: list[Problem]) -> Parameter | None:
    value = plain(node)
    locate = locator(node)
    values = value if isinstance(value, dict) else {"type": value}
    parameter = validate(Parameter, values, "a parameter", path, locate)
    if isinstance(parameter, list):
        problems += parameter
        return None
    faults = _check_default(key, parameter, path, locate)
    problems += faults
    return None if faults else parameter


def _check_default(key: str, parameter: Parameter, path: str, locate: Locator) -> list[Problem]:
    """Validate a default as if a layer had given it, and the bounds with it."""
    try:
        model = arguments_model("parameter", {key: parameter})
    except (TypeError, ValueError) as error:
        return [Problem(f"these bounds do not fit the type {parameter.type}: {error}", locate((), False), path)]
    if parameter.default is None:
        return []
    result = validate(model, {}, "a parameter", path, lambda place, at_key: locate(("default",), at_key))
    if isinstance(result, BaseModel):
        return []
    return [replace(problem, path=f"{path}.default") for problem in result]
