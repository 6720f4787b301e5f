"""Declared parameters of blocks, and the model that validates the values of a layer."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from archbuilder.errors import Problem
from archbuilder.primitives.activation import ActivationName
from archbuilder.primitives.fields import LARGEST_WIDTH, Padding, PositivePair, Probability
from archbuilder.spec.expression import Expression, ExpressionError, is_expression, parse_expression
from archbuilder.spec.keys import NOT_PARAMETERS
from archbuilder.spec.names import Name
from archbuilder.spec.nodes import MappingNode, Node, describe, location, plain
from archbuilder.spec.validation import Locator, Place, locator, validate

ParameterType = Literal[
    "width", "integer", "float", "boolean", "string", "probability", "size", "padding", "activation", "name"
]

PARAMETER_TYPES: dict[ParameterType, Any] = {
    "width": Annotated[int, Field(ge=0, le=LARGEST_WIDTH)],  # a searchable number of channels; 0 leaves a branch out
    "integer": int,
    "float": float,
    "boolean": bool,
    "string": str,
    "probability": Probability,
    "size": PositivePair,
    "padding": Padding,
    "activation": ActivationName,
    "name": Name,
}

MOST_PARAMETERS = 100

_SHORT = {"boolean": (bool,), "integer": (int,), "float": (float,), "size": (list,)}
"""The types of a parameter whose declaration is only its default, by the type of that."""

_BOUNDED = ("width", "integer", "float", "probability")


def _is(kinds: tuple[type, ...], expected: str, schema: Any) -> BeforeValidator:
    """Return a validator that accepts values of some types, but no booleans."""

    def check(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise ValueError(f"expected {expected}")
        return value

    return BeforeValidator(check, json_schema_input_type=schema)


# pydantic reports an error for each type of a union, so these are checked by a function.
Choice = Annotated[Any, _is((str, int, float), "a string or a number", str | int | float)]
Number = Annotated[Any, _is((int, float), "a number", int | float)]


class Parameter(BaseModel):
    """One parameter of a block."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    type: ParameterType = Field(
        description="Type of its values. A width is a number of channels: it can be searched, and 0 removes its branch."
    )
    description: str = Field("", description="What it is; editors show it.")
    default: Any = Field(None, description="Default value; without one the key is required.")
    choices: list[Choice] | None = Field(None, min_length=1, max_length=100, description="Allowed values.")
    minimum: Number | None = Field(None, description="Smallest allowed value.")
    maximum: Number | None = Field(None, description="Largest allowed value.")

    @property
    def is_computed(self) -> bool:
        """Whether its default is a `$` value."""
        return isinstance(self.default, Expression)

    optional: bool = Field(False, description="Whether it may be omitted without a default; it is then `nothing`.")


def arguments_model(name: str, parameters: Mapping[str, Parameter]) -> type[BaseModel]:
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
        if parameter.is_computed:  # computed when the layer is planned
            default = None
        # A name such as 3x3 is not an identifier: it becomes the alias of a field.
        checked = parameter.type != "name" and not parameter.is_computed  # checked when it was read
        field = Field(default, alias=key, description=parameter.description, validate_default=checked)
        fields[f"parameter_{position}"] = kind, field
    config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)
    return create_model(name, __config__=config, **fields)


def read_parameters(node: Node | None, path: str, problems: list[Problem]) -> dict[str, Parameter]:
    """Read the declared parameters of a block; add their problems to `problems`."""
    parameters: dict[str, Parameter] = {}
    if node is None:
        return parameters
    if not isinstance(node, MappingNode):
        message = f"found {describe(node)}, expected names and types, such as {{out: width, stride: size}}"
        problems.append(Problem(message, location(node), path))
        return parameters
    if len(node.entries) > MOST_PARAMETERS:
        problems.append(Problem(f"more than {MOST_PARAMETERS} parameters", location(node), path))
        return parameters
    for key, entry in node.entries.items():
        if key in NOT_PARAMETERS or not re.fullmatch(r"\w+", key):
            why = "it is reserved" if re.fullmatch(r"\w+", key) else "use only letters, digits and _"
            message = f"{key[:40]!r} is not a valid parameter name: {why}"
            problems.append(Problem(message, node.key_location(key), f"{path}.{key}"))
            continue
        parameter = _read_parameter(key, entry.value, f"{path}.{key}", problems)
        if parameter:
            parameters[key] = parameter
    return parameters


def _read_parameter(key: str, node: Node, path: str, problems: list[Problem]) -> Parameter | None:
    """Read the declaration of a parameter; None if something is wrong with it."""
    value = plain(node)
    locate = locator(node)
    values = value if isinstance(value, dict) else {"type": value}
    if kind := next((name for name, types in _SHORT.items() if type(value) in types), None):
        values = {"type": kind, "default": value}
    parameter = validate(Parameter, values, "a parameter", path, locate)
    if isinstance(parameter, list):
        problems += parameter
        return None
    if is_expression(parameter.default):
        try:
            computed = parse_expression(parameter.default)
        except ExpressionError as error:
            problems.append(Problem(str(error), locate(("default",), False), f"{path}.default"))
            return None
        parameter = parameter.model_copy(update={"default": computed})
    if parameter.type == "name" and isinstance(parameter.default, int):
        parameter = parameter.model_copy(update={"default": str(parameter.default)})
    faults = _check_bounds(parameter, path, locate) or _check_values(key, parameter, path, locate)
    problems += faults
    return None if faults else parameter


def _check_bounds(parameter: Parameter, path: str, locate: Locator) -> list[Problem]:
    """Return the problems of a parameter's `minimum` and `maximum`."""
    problems = []
    for key in ("minimum", "maximum"):
        bound = getattr(parameter, key)
        if bound is None:
            continue
        if parameter.type not in _BOUNDED:
            message = f"a {parameter.type} has no {key}; these have: {', '.join(_BOUNDED)}"
        elif isinstance(bound, float) and parameter.type in ("width", "integer"):
            message = f"found {bound}, expected an integer"
        elif key == "maximum" and parameter.minimum is not None and bound < parameter.minimum:
            message = f"no value is at least {parameter.minimum} and at most {bound}"
        else:
            continue
        problems.append(Problem(message, locate((key,), False), f"{path}.{key}"))
    return problems


def _check_values(key: str, parameter: Parameter, path: str, locate: Locator) -> list[Problem]:
    """Validate each choice, and the default, as if a layer had given it."""
    given: list[tuple[Place, Any, type[BaseModel]]] = []
    if parameter.choices:
        kind = arguments_model("parameter", {key: parameter.model_copy(update={"default": None, "choices": None})})
        given += [(("choices", position), choice, kind) for position, choice in enumerate(parameter.choices)]
    if parameter.default is not None and not parameter.is_computed:
        kind = arguments_model("parameter", {key: parameter.model_copy(update={"default": None})})
        given.append((("default",), parameter.default, kind))
    problems: list[Problem] = []
    for place, value, model in given:
        result = validate(model, {key: value}, "a parameter", path, locate)
        if isinstance(result, list):
            where, at = locate(place, False), ".".join([path, *map(str, place)])
            problems += [replace(problem, where=where, path=at) for problem in result]
    return problems
