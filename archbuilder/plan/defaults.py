"""Defaults of keys by type of layer: the sections `defaults` and `conv` of a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from archbuilder.errors import Diagnostics, Location, Problem, did_you_mean
from archbuilder.primitives import PRIMITIVES
from archbuilder.spec.blocks import Block, shipped_blocks
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.expression import ExpressionError, is_expression, parse_expression
from archbuilder.spec.header import Header
from archbuilder.spec.initialization import Init, InitField, OwnInit
from archbuilder.spec.nodes import MappingNode, Node, ScalarNode, describe, location, plain
from archbuilder.spec.synonyms import type_here
from archbuilder.spec.validation import locator, validate

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass
class TypeDefaults:
    """The defaults of a file for the layers of one type.

    Attributes:
        values: Values by key.
        places: The path and the location of each.
        init: The weight initialization.
        faulty: The keys whose defaults are invalid or left out; layers that lack them are not checked.
    """

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, tuple[str, Location]] = field(default_factory=dict)
    init: Init | None = None
    faulty: set[str] = field(default_factory=set)


NO_DEFAULTS = TypeDefaults()


def read_defaults(
    document: SpecDocument, variables: Mapping[str, Any], diagnostics: Diagnostics
) -> dict[str, TypeDefaults]:
    """Read the defaults of a file by type of layer.

    Args:
        document: The spec.
        variables: The values of the file's `$` names.
        diagnostics: Collects the problems.
    """
    defaults: dict[str, TypeDefaults] = {}
    for type_, path, node in _sections(document, diagnostics):
        kind = PRIMITIVES.get(type_) or document.block(type_)
        if isinstance(kind, Block) and kind.broken:
            continue
        assert kind is not None
        _read(node, path, kind, defaults.setdefault(type_, TypeDefaults()), variables, diagnostics)
    return defaults


def _sections(document: SpecDocument, diagnostics: Diagnostics) -> Iterator[tuple[str, str, Node]]:
    """Yield each type of layer with defaults, the path of these, and their node."""
    if (conv := document.root.get("conv")) is not None:
        yield "conv", "conv", conv
    node = document.root.get("defaults")
    if node is None or (isinstance(node, ScalarNode) and node.value is None):
        return
    if not isinstance(node, MappingNode):
        message = f"found {describe(node)}, expected types of layers, each with keys: {{batch_norm: {{eps: 0.1}}}}"
        diagnostics.add(Problem(message, location(node), "defaults"))
        return
    for type_, entry in node.entries.items():
        if type_ in PRIMITIVES or document.block(type_) is not None:
            yield type_, f"defaults.{type_}", entry.value
        elif "blocks" not in document.guessed:
            known = sorted({*PRIMITIVES, *shipped_blocks(), *document.blocks})
            here = type_here(type_, known)
            near = f"; did you mean {here}?" if here in known else did_you_mean(type_, known)
            diagnostics.add(Problem(f"unknown layer type {type_!r}{near}", entry.key_location, f"defaults.{type_}"))


def _read(
    node: Node,
    path: str,
    kind: type[BaseModel] | Block,
    defaults: TypeDefaults,
    variables: Mapping[str, Any],
    diagnostics: Diagnostics,
) -> None:
    """Add the defaults of one section to those of its type."""
    type_, description = path.rpartition(".")[2], Header.model_fields[path.partition(".")[0]].description or ""
    values = {} if isinstance(node, MappingNode) else plain(node)
    for key, entry in node.entries.items() if isinstance(node, MappingNode) else ():
        if key in defaults.places:
            other, where = defaults.places[key]
            message = f"{key} is given twice: as {other} on line {where.line} too"
            diagnostics.add(Problem(message, entry.key_location, f"{path}.{key}", related=(where,)))
            continue
        try:
            values[key] = _evaluated(plain(entry.value), variables)
        except ExpressionError as error:
            diagnostics.add(Problem(str(error), location(entry.value), f"{path}.{key}"))
            defaults.faulty.add(key)
    section = _section(kind.arguments if isinstance(kind, Block) else kind, type_, description)

    def locate(place: tuple[str | int, ...], at_key: bool) -> Location | None:
        return locator(node)(place[1:], at_key)

    result = validate(section, {type_: values}, "defaults", path.rpartition(".")[0], locate)
    if isinstance(result, list):
        diagnostics.extend(result)
        defaults.faulty |= {problem.path.removeprefix(f"{path}.").partition(".")[0] for problem in result}
    if not isinstance(node, MappingNode):
        return
    if defaults.faulty:  # some of the defaults alone could make a layer invalid, so all are left out
        defaults.faulty |= values.keys()
    valid = {key: value for key, value in values.items() if key not in defaults.faulty}
    if "init" in valid:
        defaults.init = OwnInit.model_validate({"init": valid.pop("init")}).init
    defaults.values |= valid
    defaults.places |= {key: (f"{path}.{key}", location(node.entries[key].value)) for key in valid}


def _evaluated(value: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_evaluated(item, variables) for item in value]
    return parse_expression(value).evaluate(variables) if is_expression(value) else value


@lru_cache(maxsize=200)  # a file's own blocks come and go
def _section(model: type[BaseModel], type_: str, description: str) -> type[BaseModel]:
    """Return the model of a mapping with a type, and the keys of its layers and `init`, all of which may be omitted."""
    fields: dict[str, Any] = {
        name: (
            Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation,
            Field(None, alias=field.alias, description=field.description),
        )
        for name, field in model.model_fields.items()
    }
    keys = create_model(model.__name__, __config__=_CONFIG, init=(InitField, Field(None)), **fields)
    return create_model("section", __config__=_CONFIG, section=(keys, Field(alias=type_, description=description)))
