"""The spec language as JSON Schema (draft 7), for editors."""

from typing import Any

from pydantic import BaseModel

from archbuilder.primitives import MERGES, PRIMITIVES
from archbuilder.spec.blocks import BLOCK_KEYS, Block, shipped_block, shipped_blocks
from archbuilder.spec.document import HEAD_KEYS, Header
from archbuilder.spec.grammar import LARGEST_REPEAT, LAYER_KEYS, MEMBER_KEYS
from archbuilder.spec.initialisation import Init
from archbuilder.spec.names import NAME
from archbuilder.spec.parameters import Parameter

_EXPRESSION = {
    "type": "string",
    "pattern": r"\$",
    "description": "A $ value, worked out from parameters and variables.",
}
_MEMBERS = {"type": "array", "items": {"$ref": "#/definitions/member"}}


def json_schema() -> dict[str, Any]:
    """Give the schema of a spec file. A type that is no primitive or shipped block may be one of the file's own."""
    definitions: dict[str, Any] = {}
    header = _model(Header, definitions)
    whole = definitions["InputShape"].pop("required")  # beside `extends` a part of it may be changed
    properties = header["properties"]
    properties["layers"] |= {"anyOf": [_MEMBERS, _by_name("#/definitions/member_change")]}
    properties["aux"] |= {
        "anyOf": [
            {"type": "array", "items": {"$ref": "#/definitions/head"}},
            _by_name("#/definitions/head_change"),
            {"type": "null"},
        ]
    }
    properties["blocks"] |= {"type": ["object", "null"], "additionalProperties": {"$ref": "#/definitions/block"}}
    properties["extends"] |= {"type": "string", "minLength": 1}
    strings = {"type": "string", "minLength": 1}
    properties["include"] |= {"anyOf": [strings, {"type": "array", "items": strings}]}
    properties["name"] = {"type": ["string", "number"], "description": properties["name"]["description"]}
    definitions |= _members() | _heads() | {"block": _block(definitions)}
    definitions["init"] = _init(definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "archbuilder spec",
        "description": "A network: its input, its layers, and the places where auxiliary classifiers attach.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "else": {
            "required": ["input", "classes", "layers"],
            "properties": {"input": {"required": whole}, "layers": _MEMBERS | {"minItems": 1}},
        },
        "definitions": definitions,
    }


def _model(model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    """Give a model's schema; the models in it are added to the definitions, and their own titles dropped."""
    schema: dict[str, Any] = model.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
    definitions |= {name: _tidy(inner) for name, inner in schema.pop("$defs", {}).items()}
    tidy: dict[str, Any] = _tidy(schema)
    return tidy


def _tidy(schema: Any) -> Any:
    """Drop titles, which repeat the key, and defaults that no file would hold."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key != "title"}
    if kept.get("default", 0) is None or isinstance(kept.get("default"), dict | list):
        del kept["default"]
    properties = {key: _tidy(value) for key, value in kept.pop("properties", {}).items()}
    tidy = {key: _tidy(value) for key, value in kept.items()}
    return {**tidy, "properties": properties} if properties else tidy


def _by_name(reference: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Beside extends: members of the extended file by name and the keys that change; null takes out.",
        "additionalProperties": {"anyOf": [{"$ref": reference}, {"type": "null"}]},
    }


def _or_expression(schema: dict[str, Any]) -> dict[str, Any]:
    described = {"description": schema["description"]} if "description" in schema else {}
    return {"anyOf": [{key: value for key, value in schema.items() if key != "description"}, _EXPRESSION]} | described


def _common() -> dict[str, Any]:
    """Give the schemas of the keys that every member or layer has."""
    name = {"type": ["string", "integer"]}
    schemas: dict[str, dict[str, Any]] = {
        "name": {"type": "string", "pattern": f"^(?:{NAME.pattern})$", "maxLength": 100},
        "when": _EXPRESSION,
        "from": {"anyOf": [name, {"type": "array", "items": name, "minItems": 1}]},
        "repeat": _or_expression({"type": "integer", "minimum": 1, "maximum": LARGEST_REPEAT}),
        "type": {"type": "string", "minLength": 1},
        "in": {"type": "integer", "minimum": 1},
        "overrides": {
            "type": "object",
            "additionalProperties": {"type": "object"},
            "propertyNames": {"pattern": "^-*[0-9]+$"},
        },
        "init": {"$ref": "#/definitions/init"},
    }
    return {key: {**schemas[key], "description": text} for key, text in LAYER_KEYS.items()}


def _members() -> dict[str, Any]:
    common = _common()
    types: dict[str, type[BaseModel] | Block] = dict(PRIMITIVES)
    types |= {name: block for name in shipped_blocks() if (block := shipped_block(name))}
    words = [*MERGES, "sequence"]
    described: dict[str, Any] = {
        "anyOf": [{"enum": sorted(types)}, {"type": "string", "minLength": 1}],
        "description": LAYER_KEYS["type"],
    }
    branches: dict[str, Any] = {
        "anyOf": [{"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/definitions/branch"}}]
    }
    branches["anyOf"].append({"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/branch"}})
    composite: dict[str, Any] = {
        word: {**branches, "description": f"Branches side by side, joined by {word}."} for word in MERGES
    }
    composite["sequence"] = {**_MEMBERS, "description": "Members one after the other under one name."}
    definitions: dict[str, Any] = {
        "branch": {"anyOf": [_MEMBERS, {"$ref": "#/definitions/member"}, {"type": "null"}]},
        "member": {
            "type": "object",
            "properties": {"type": described, **{k: v for k, v in common.items() if k in MEMBER_KEYS}, **composite},
            "anyOf": [{"required": [word]} for word in ("type", *words)],
            "allOf": [
                *(_if_type(name) for name in sorted(types)),
                *(_if_composite(word, composite[word], common) for word in words),
            ],
        },
        "member_change": {"type": "object", "propertyNames": {"not": {"const": "name"}}},
    }
    for name, kind in types.items():
        definitions[f"layer_{name}"] = _layer(kind, definitions, common)
    return definitions


def _if_type(name: str) -> dict[str, Any]:
    condition = {"properties": {"type": {"const": name}}, "required": ["type"]}
    return {"if": condition, "then": {"$ref": f"#/definitions/layer_{name}"}}


def _if_composite(word: str, schema: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    keys = {key: common[key] for key in MEMBER_KEYS} | {word: schema}
    return {
        "if": {"required": [word], "not": {"required": ["type"]}},
        "then": {"properties": keys, "additionalProperties": False},
    }


def _layer(kind: "type[BaseModel] | Block", definitions: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    schema = _model(kind.arguments if isinstance(kind, Block) else kind, definitions)
    text = kind.description if isinstance(kind, Block) else (kind.__doc__ or "").splitlines()[0]
    own = {key: _or_expression(value) for key, value in schema.get("properties", {}).items()}
    return {
        "type": "object",
        "description": text,
        "properties": {**common, **own},
        "required": ["type", *schema.get("required", [])],
        "additionalProperties": False,
    }


def _heads() -> dict[str, Any]:
    aux_head = shipped_block("aux_head")
    assert aux_head is not None
    layer = _layer(aux_head, {}, _common())
    keys: dict[str, dict[str, Any]] = {
        "after": {"type": "string", "minLength": 1},
        "loss_weight": {"type": "number", "minimum": 0, "maximum": 1000},
        "layers": _MEMBERS,
        "listed": {"enum": ["before_classifier", "at_tap"]},
    }
    own = {key: {**keys[key], "description": text} for key, text in HEAD_KEYS.items()}
    return {
        "head": {
            "type": "object",
            "description": "An auxiliary classifier: a head block (aux_head unless a type is given), or own layers.",
            "properties": {**layer["properties"], **own},
            "required": ["name", "after"],
            "if": {"anyOf": [{"required": ["type"]}, {"required": ["layers"]}]},
            "else": {"additionalProperties": False, "properties": {**layer["properties"], **own}},
        },
        "head_change": {"type": "object", "propertyNames": {"not": {"const": "name"}}},
    }


def _block(definitions: dict[str, Any]) -> dict[str, Any]:
    parameter = _model(Parameter, definitions)
    types = parameter["properties"]["type"]["enum"]
    schemas: dict[str, dict[str, Any]] = {
        "description": {"type": ["string", "number"]},
        "parameters": {
            "type": "object",
            "propertyNames": {"pattern": r"^\w+$"},
            "additionalProperties": {"anyOf": [{"enum": types}, parameter]},
        },
        "body": {**_MEMBERS, "minItems": 1},
    }
    properties = {key: {**schemas[key], "description": text} for key, text in BLOCK_KEYS.items()}
    return {"type": "object", "properties": properties, "required": ["body"], "additionalProperties": False}


def _init(definitions: dict[str, Any]) -> dict[str, Any]:
    mapping = _model(Init, definitions)
    return {"anyOf": [{"enum": mapping["properties"]["type"]["enum"]}, mapping]}
