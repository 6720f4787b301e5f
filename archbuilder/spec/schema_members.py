"""JSON Schema of members: layers of every type, forks, sequences, and the heads that are made of them."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from archbuilder.primitives import MERGES, PRIMITIVES
from archbuilder.spec.blocks import Block, shipped_block, shipped_blocks
from archbuilder.spec.heads import NOT_FIELDS
from archbuilder.spec.key_reader import LARGEST_REPEAT
from archbuilder.spec.keys import HEAD_KEYS, LAYER_KEYS, MEMBER_KEYS, SPLIT
from archbuilder.spec.names import NAME, TAKEN
from archbuilder.spec.repetitions import POSITION
from archbuilder.spec.suppressions import CODE

Schema = dict[str, Any]

_EXPRESSION = {
    "type": "string",
    "pattern": r"\$",
    "description": "A $ expression of parameters and variables.",
}
_NAME = {
    "type": "string",
    "pattern": f"^(?!_)(?:{NAME.pattern})$",
    "maxLength": 100,
    "not": {"enum": sorted(TAKEN)},
}
SUPPRESSIONS: Schema = {
    "type": "object",
    "propertyNames": {"pattern": f"^{CODE.pattern}$"},
    "additionalProperties": {"type": "string", "pattern": r"\S"},
}
_KEEPS_ITS_NAME = {"type": "object", "propertyNames": {"not": {"const": "name"}}}


def reference(name: str) -> Schema:
    """Refer to one of the definitions."""
    return {"$ref": f"#/definitions/{name}"}


MEMBERS: Schema = {"type": "array", "items": reference("member")}


def member_definitions(own: Mapping[str, Block]) -> Schema:
    """Return the definitions of members and heads, and of everything that they refer to, except `init`.

    Args:
        own: Known blocks other than the shipped ones.
    """
    blocks = {name: block for name in shipped_blocks() if (block := shipped_block(name))} | dict(own)
    types: dict[str, type[BaseModel] | Block] = {**PRIMITIVES, **blocks}
    definitions: Schema = {"name": _NAME} | _common_keys()
    texts: dict[str, str] = {}
    for name, kind in types.items():
        schema = model_schema(kind.arguments if isinstance(kind, Block) else kind, definitions)
        keys = schema.get("properties", {})
        definitions[f"keys_{name}"] = {"properties": {key: _or_expression(value) for key, value in keys.items()}}
        text = kind.description if isinstance(kind, Block) else (kind.__doc__ or "").splitlines()[0]
        texts[name] = text
        definitions[f"defaults_{name}"] = _defaults(name, text, list(keys))
        definitions[f"layer_{name}"] = _layer(name, text, list(keys), schema.get("required", []))
        if isinstance(kind, Block):
            definitions[f"head_{name}"] = _typed_head(name, list(keys), schema.get("required", []))
    texts = dict(sorted(texts.items()))
    return definitions | _member(texts) | _member(texts, of_known="_of_known") | _head(list(blocks))


def model_schema(model: type[BaseModel], definitions: Schema) -> Schema:
    """Return a model's schema without titles; add the schemas of nested models to the definitions."""
    schema: Schema = model.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
    definitions |= {name: _tidy(inner) for name, inner in schema.pop("$defs", {}).items()}
    tidy: Schema = _tidy(schema)
    return tidy


def _tidy(schema: Any) -> Any:
    """Remove titles, which repeat the key, and defaults that are null, lists or mappings."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    untitled = {key: value for key, value in schema.items() if key != "title"}
    if untitled.get("default", 0) is None or isinstance(untitled.get("default"), dict | list):
        del untitled["default"]
    properties = {key: _tidy(value) for key, value in untitled.pop("properties", {}).items()}
    tidy = {key: _tidy(value) for key, value in untitled.items()}
    return {**tidy, "properties": properties} if properties else tidy


def _or_expression(schema: Schema) -> Schema:
    """Return the schema of a key that also accepts a `$` value, or a list with such values."""
    described = {"description": schema["description"]} if "description" in schema else {}
    plain = {key: _in_lists(value) for key, value in schema.items() if key != "description"}
    return {"anyOf": [plain, _EXPRESSION]} | described


def _in_lists(schema: Any) -> Any:
    """Return a schema in which items of lists may also be `$` values."""
    if isinstance(schema, list):
        return [_in_lists(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _in_lists(value) for key, value in schema.items()}
    return inner | {"items": {"anyOf": [inner["items"], _EXPRESSION]}} if "items" in inner else inner


def _common_keys() -> Schema:
    """Define the keys of every member or layer, except `type`."""
    name = {"type": ["string", "integer"]}
    schemas: dict[str, Schema] = {
        "name": {"anyOf": [reference("name"), {"type": "string", "pattern": r"\{[0-9]*\}|\$"}]},
        "when": _EXPRESSION,
        "from": {"anyOf": [name, {"type": "array", "items": name, "minItems": 1}]},
        "repeat": _or_expression({"type": "integer", "minimum": 0, "maximum": LARGEST_REPEAT}),
        "in": {"type": "integer", "minimum": 1},
        "first": {"type": "object"},
        "overrides": {
            "type": "object",
            "propertyNames": {"pattern": f"^{POSITION.pattern}$"},
            "additionalProperties": {"type": "object"},
        },
        "init": {"allOf": [reference("init")]},
        "splice": {"type": "boolean"},
        "lint": SUPPRESSIONS,
    }
    return {f"key_{key}": {**schema, "description": LAYER_KEYS[key]} for key, schema in schemas.items()}


def _only(keys: list[str]) -> Schema:
    return {"propertyNames": {"enum": keys}}


def _layer(name: str, text: str, keys: list[str], required: list[str]) -> Schema:
    """Return the schema of a layer of a type; `text` is its description, `keys` are its own keys."""
    common = {key: reference(f"key_{key}") for key in LAYER_KEYS if key not in (*MEMBER_KEYS, "type")}
    repetition = {"allOf": [{"type": "object", **_only(["in", "init", *keys])}, reference(f"keys_{name}")]}
    differing: Schema = {
        "first": {"description": LAYER_KEYS["first"], **repetition},
        "overrides": {"description": LAYER_KEYS["overrides"], "additionalProperties": repetition},
    }
    return {
        "description": text,
        "properties": common,
        "allOf": [
            reference(f"keys_{name}"),
            {"properties": differing},
            _only([*LAYER_KEYS, *keys]),
        ],
        "required": ["type", *required],
    }


def _defaults(name: str, text: str, keys: list[str]) -> Schema:
    """Return the schema of the defaults of a type; `text` is its description, `keys` are its keys."""
    return {
        "type": "object",
        "description": text,
        "properties": {"init": reference("key_init")},
        "allOf": [reference(f"keys_{name}"), _only(["init", *keys])],
    }


def _member(texts: Mapping[str, str], of_known: str = "") -> Schema:
    """Define members and branches.

    Args:
        texts: The description of each known type.
        of_known: The ending of the definitions' names, if layers of other types are mistakes.
    """
    branch, members = reference(f"branch{of_known}"), {"type": "array", "items": reference(f"member{of_known}")}
    known: Schema = {"enum": list(texts), "enumDescriptions": list(texts.values())}
    type_ = known if of_known else {"anyOf": [known, {"type": "string", "minLength": 1}]}
    described = type_ | {"description": LAYER_KEYS["type"]}
    named = {"type": "object", "propertyNames": reference("name"), "additionalProperties": branch}
    branches = {"anyOf": [{**named, "minProperties": 1}, {"type": "array", "minItems": 1, "items": branch}]}
    composite: Schema = {
        word: {**branches, "description": f"Branches side by side, joined by {word}."} for word in MERGES
    }
    part = _or_expression({"type": "integer", "minimum": 1})
    split = {"anyOf": [part, {"type": "array", "items": part, "minItems": 1}], "description": SPLIT}
    composite["sequence"] = {**members, "description": "Members one after the other under one name."}
    return {
        f"branch{of_known}": {"anyOf": [members, reference(f"member{of_known}"), {"type": ["null", "string"]}]},
        f"member{of_known}": {
            "type": "object",
            "properties": {
                "type": described,
                **{key: reference(f"key_{key}") for key in MEMBER_KEYS},
                **composite,
                "split": split,
            },
            "anyOf": [{"required": [word]} for word in ("type", *composite)],
            "dependencies": {"first": ["repeat"], "overrides": ["repeat"]},
            "allOf": [
                *({"if": _of_type(name), "then": reference(f"layer_{name}")} for name in texts),
                *({"if": _composite(word), "then": _only(_composite_keys(word))} for word in composite),
            ],
        },
    }


def _composite_keys(word: str) -> list[str]:
    if word == "sequence":
        return [*MEMBER_KEYS, word]
    return [*(key for key in MEMBER_KEYS if key != "splice"), word, "split"]


def _of_type(name: str) -> Schema:
    # A pattern instead of a const: while typing, language servers match a const by its beginning.
    return {"properties": {"type": {"type": "string", "pattern": f"^{name}$"}}, "required": ["type"]}


def _composite(word: str) -> Schema:
    return {"required": [word], "not": {"required": ["type"]}}


_HEAD_KEYS = ("name", "when", "lint", *HEAD_KEYS)
_TYPED_HEAD_KEYS = (*_HEAD_KEYS, "type", "in", "init")


def _typed_head(name: str, keys: list[str], required: list[str]) -> Schema:
    return {"allOf": [reference(f"keys_{name}"), _only([*_TYPED_HEAD_KEYS, *keys])], "required": required}


def _head(blocks: list[str]) -> Schema:
    """Define heads, and changes of heads and members by name; `blocks` are the known blocks."""
    schemas: dict[str, Schema] = {
        "after": {"type": "string", "minLength": 1},
        "loss_weight": {"type": "number", "minimum": 0, "maximum": 1000},
        "layers": {**MEMBERS, "minItems": 1},
        "listed": {"enum": ["before_classifier", "at_tap"]},
    }
    keys: Schema = {key: reference(f"key_{key}") for key in ("when", "in", "init", "lint")}
    keys |= {key: {**schemas[key], "description": text} for key, text in HEAD_KEYS.items()}
    keys["name"] = {
        "allOf": [reference("name")],
        "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
        "not": {"enum": sorted(NOT_FIELDS)},
        "description": "The head's name: a field of the training output.",
    }
    keys["type"] = {
        "anyOf": [{"enum": blocks}, {"type": "string", "minLength": 1}],
        "not": {"enum": sorted(PRIMITIVES)},
        "description": "The head's block; aux_head unless given.",
    }
    has_layers, has_type = {"required": ["layers"]}, {"required": ["type"]}
    return {
        "head": {
            "type": "object",
            "description": "An auxiliary classifier: a head block (aux_head unless a type is given), or own layers.",
            "properties": keys,
            "required": ["name", "after"],
            "not": {"anyOf": [{"required": [key]} for key in ("from", "repeat", "first", "overrides")]},
            "allOf": [
                {"if": has_layers, "then": _only([*_HEAD_KEYS])},
                {"if": {"not": {"anyOf": [has_layers, has_type]}}, "then": reference("head_aux_head")},
                *({"if": {**_of_type(name), "not": has_layers}, "then": reference(f"head_{name}")} for name in blocks),
            ],
        },
        "head_change": _KEEPS_ITS_NAME,
        "member_change": _KEEPS_ITS_NAME,
    }
