"""Blocks: composite layers, each a template over primitives, branches and merges, written in YAML."""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from archbuilder.errors import Problem, did_you_mean, nearest, raise_if_any
from archbuilder.spec.entries import Member
from archbuilder.spec.grammar import read_members
from archbuilder.spec.nodes import MappingNode, Node, ScalarNode, SequenceNode, describe, location, plain
from archbuilder.spec.parameters import Parameter, arguments_model, read_parameters
from archbuilder.spec.reader import read_text, read_yaml
from archbuilder.spec.validation import as_a_whole

BLOCK_KEYS = {
    "description": "What the block is, and its source.",
    "parameters": "Names, each with a type or {type, default, minimum, maximum, choices, optional, description}.",
    "body": "The layers of the block; $name is a parameter's value, $in the number of input channels.",
}

_FOLDER = Path(__file__).parent.parent / "blocks"


@dataclass(frozen=True, eq=False)
class Block:
    """A composite layer type: declared parameters, and a body of members that use them.

    Attributes:
        name: The `type` of its layers in a spec.
        description: What it is, and its source.
        parameters: Its declared parameters by name.
        body: Its members, in order.
        broken: Whether parameters or body are invalid, so that layers of this type are not checked.
        shipped: Whether it comes with the package: errors in it then point at the layer that uses it.
    """

    name: str
    description: str
    parameters: dict[str, Parameter]
    body: list[Member]
    shipped: bool
    broken: bool = False

    @cached_property
    def widths(self) -> tuple[str, ...]:
        """The parameters that are searchable widths."""
        return tuple(name for name, parameter in self.parameters.items() if parameter.type == "width")

    @cached_property
    def computed(self) -> tuple[str, ...]:
        """The parameters whose default is a `$` value of earlier parameters."""
        return tuple(name for name, parameter in self.parameters.items() if parameter.is_computed)

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The model that the keys of a layer of this type are validated against."""
        return arguments_model(self.name, self.parameters)

    def values(self, arguments: BaseModel) -> dict[str, Any]:
        """Return validated arguments by the parameters' own names.

        A size that is equal in both directions becomes one number, so that `$stride != 1` and `$kernel // 2` work.
        """
        values = zip(self.parameters, arguments.__dict__.values(), strict=True)
        return {key: _simplest(value) if type(value) is tuple else value for key, value in values}


def _simplest(value: Any) -> Any:
    """Return a tuple as a single value if all its items are equal, else as a list, at any depth."""
    if not isinstance(value, tuple):
        return value
    if len(value) == 2 and type(value[0]) is int and value[0] == value[1]:  # the usual case
        return value[0]
    parts = [_simplest(part) for part in value]
    return parts[0] if all(part == parts[0] and not isinstance(part, list) for part in parts) else parts


@cache
def shipped_blocks() -> tuple[str, ...]:
    """The names of the blocks that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def shipped_block(name: str) -> Block | None:
    """Return a block that comes with the package, or None if there is none of that name."""
    if name not in shipped_blocks():
        return None
    problems: list[Problem] = []
    source = read_text(_FOLDER / f"{name}.yaml", f"blocks/{name}.yaml")
    block = read_block(name, read_yaml(source, problems), name, problems, shipped=True)
    raise_if_any(problems)
    return block


def read_block(name: str, node: Node, path: str, problems: list[Problem], *, shipped: bool = False) -> Block:
    """Read a block's definition; add its problems to `problems`."""
    if not isinstance(node, MappingNode):
        message = f"found {describe(node)}, expected a block: a mapping with parameters and a body"
        problems.append(Problem(message, location(node), path))
        return Block(name, "", {}, [], shipped, broken=True)
    before = len(problems)
    slips = {nearest(key, BLOCK_KEYS) for key in node.entries if key not in BLOCK_KEYS}
    for key in node.entries:
        if key not in BLOCK_KEYS:
            message = f"unknown key {key!r} for a block{did_you_mean(key, BLOCK_KEYS)}"
            notes = (f"its keys are {', '.join(BLOCK_KEYS)}",)
            problems.append(Problem(message, node.key_location(key), f"{path}.{key}", notes))
    parameters = read_parameters(node.get("parameters"), f"{path}.parameters", problems)
    broken = len(problems) > before
    body = node.get("body")
    if not isinstance(body, SequenceNode) or not body.items:
        if body is not None or "body" not in slips:
            problems.append(Problem("a block needs a body: a list of layers", as_a_whole(body or node), f"{path}.body"))
        return Block(name, "", parameters, [], shipped, broken=True)
    description = node.get("description")
    if description is not None and not isinstance(description, ScalarNode):
        problems.append(
            Problem(f"found {describe(description)}, expected a string", location(description), f"{path}.description")
        )
    text = str(plain(description)) if description is not None else ""
    return Block(name, text, parameters, read_members(body, f"{path}.body", problems), shipped, broken)
