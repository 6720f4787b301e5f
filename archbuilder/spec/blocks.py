"""Blocks: composite layers, each a template over primitives, branches and merges, written in YAML."""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from archbuilder.errors import Problem, Source, raise_if_any
from archbuilder.primitives.fields import LARGEST_WIDTH, NonNegativePair, PositivePair, Probability
from archbuilder.spec.grammar import Member, read_members
from archbuilder.spec.nodes import Mapping, Sequence, plain
from archbuilder.spec.reader import read_text, read_yaml
from archbuilder.spec.validation import locator, validate

_FOLDER = Path(__file__).parent.parent / "blocks"

PARAMETER_TYPES: dict[str, Any] = {
    "width": Annotated[int, Field(ge=0, le=LARGEST_WIDTH)],  # a searchable number of channels; 0 leaves a branch out
    "integer": int,
    "number": float,
    "boolean": bool,
    "word": str,
    "probability": Probability,
    "size": PositivePair,
    "padding": NonNegativePair,
}


class Parameter(BaseModel):
    """How a block declares one of its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    type: Literal["width", "integer", "number", "boolean", "word", "probability", "size", "padding"]
    description: str = ""
    default: Any = None
    choices: list[Any] | None = None
    minimum: int | None = None
    maximum: int | None = None
    optional: bool = False


@dataclass(frozen=True, eq=False)
class Block:
    """A template.

    Attributes:
        name: The word by which a spec uses it.
        parameters: Its declared parameters by name.
        body: The layers and forks it stands for.
        source: The file it is written in.
    """

    name: str
    parameters: dict[str, Parameter]
    body: list[Member]
    source: Source

    @cached_property
    def widths(self) -> tuple[str, ...]:
        """The parameters that are sites."""
        return tuple(name for name, parameter in self.parameters.items() if parameter.type == "width")

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The model that the keys of a layer of this type are validated against."""
        fields: dict[str, Any] = {}
        for position, (name, parameter) in enumerate(self.parameters.items()):
            kind = PARAMETER_TYPES[parameter.type]
            if parameter.choices:
                kind = Literal[tuple(parameter.choices)]
            if parameter.minimum is not None or parameter.maximum is not None:
                kind = Annotated[kind, Field(ge=parameter.minimum, le=parameter.maximum)]
            optional = parameter.optional or parameter.default is not None
            if parameter.optional:
                kind = kind | None
            default = parameter.default if optional else ...
            # A parameter such as 3x3 is not an identifier: it is the alias of a field that is.
            fields[f"parameter_{position}"] = (kind, Field(default, alias=name, description=parameter.description))
        config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)
        return create_model(self.name, __config__=config, **fields)

    def values(self, arguments: BaseModel) -> dict[str, Any]:
        """Give validated arguments by the parameters' own names."""
        return dict(zip(self.parameters, arguments.__dict__.values(), strict=True))


def shipped_blocks() -> tuple[str, ...]:
    """The names of the blocks that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def shipped_block(name: str) -> Block | None:
    """Give a block that comes with the package, or None if there is none of that name."""
    path = _FOLDER / f"{name}.yaml"
    if name not in shipped_blocks():
        return None
    problems: list[Problem] = []
    source = read_text(path, f"blocks/{name}.yaml")
    node = read_yaml(source, problems)
    assert isinstance(node, Mapping)
    block = _read_block(name, node, source, problems)
    raise_if_any(problems)
    return block


def _read_block(name: str, node: Mapping, source: Source, problems: list[Problem]) -> Block:
    parameters = {}
    declared = node.get("parameters")
    for key, entry in declared.entries.items() if isinstance(declared, Mapping) else ():
        value = plain(entry.value)
        values = {"type": value} if isinstance(value, str) else value
        where = locator(entry.value if isinstance(entry.value, Mapping) else Mapping({}, source, entry.value.span))
        parameter = validate(Parameter, values, "a parameter", f"parameters.{key}", where)
        if isinstance(parameter, Parameter):
            parameters[key] = parameter
        else:
            problems += parameter
    body = node.get("body")
    members = read_members(body if body is not None else Sequence([], source, node.span), "body", problems, forks=True)
    return Block(name, parameters, members, source)
