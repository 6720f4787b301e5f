"""The spec language as JSON Schema (draft 7), for editors."""

from collections.abc import Mapping

from archbuilder.primitives import PRIMITIVES
from archbuilder.spec.blocks import BLOCK_KEYS, Block, shipped_blocks
from archbuilder.spec.header import LONGEST_NAME, Header
from archbuilder.spec.keys import GIVEN_NAMES, NOT_PARAMETERS
from archbuilder.spec.parameters import Parameter
from archbuilder.spec.schema_members import MEMBERS, SUPPRESSIONS, Schema, member_definitions, model_schema, reference

_WORD = r"^\w+$"
_TEXT = {"type": "string", "minLength": 1}


def json_schema(own: Mapping[str, Block] | None = None) -> Schema:
    """Return the schema of spec files.

    Args:
        own: Blocks of a user's files by name. With it, their keys are checked and all other unknown types are errors;
            without it, an unknown type is an error only in a file without `blocks`, `include` and `extends`.
    """
    definitions: Schema = {}
    header = model_schema(Header, definitions)
    whole = definitions["InputShape"].pop("required")  # with `extends`, a part of it may be changed
    properties = header["properties"]
    listed = {"minItems": 1}  # the schema of its items is added below
    more_blocks = ("blocks", "include", "extends") if own is None else ("extends",)
    heads = {"items": reference("head")}
    properties["layers"] |= _list_or(listed, {"type": "object"}, "member_change")
    properties["aux"] |= _list_or(heads, {"type": ["object", "null"]}, "head_change")
    properties["blocks"] |= {
        "type": ["object", "null"],
        "propertyNames": {"not": {"enum": sorted({*PRIMITIVES, *shipped_blocks()})}},
        "additionalProperties": reference("block"),
    }
    properties["lint"] |= SUPPRESSIONS
    properties["variables"]["propertyNames"] = {"pattern": _WORD, "not": {"enum": [*GIVEN_NAMES]}}
    properties["extends"] |= _TEXT
    properties["include"] |= {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
    properties["name"] = {
        "anyOf": [_TEXT | {"maxLength": LONGEST_NAME}, {"type": "number"}],
        "description": properties["name"]["description"],
    }
    definitions |= member_definitions(own or {}) | {"block": _block(definitions)}
    types = [name.removeprefix("defaults_") for name in definitions if name.startswith("defaults_")]
    by_type = {name: reference(f"defaults_{name}") for name in types}
    defaults: Schema = {  # with `extends`, null removes a key
        "defaults": {"properties": by_type, "description": properties["defaults"]["description"]},
        "conv": {"allOf": [by_type["conv"]], "description": properties["conv"]["description"]},
    }
    properties["defaults"]["type"] = properties["conv"]["type"] = ["object", "null"]
    known = _layers("member_of_known")
    known["properties"]["defaults"] = {**defaults["defaults"], "propertyNames": {"enum": types}}
    properties["init"] = {"allOf": [reference("init")], "description": properties["init"]["description"]}
    words = definitions["Init"]["properties"]["type"]["enum"]
    definitions["init"] = {"anyOf": [{"enum": words}, reference("Init")]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "archbuilder spec",
        "description": "A network: its input, its layers, and the places where auxiliary classifiers attach.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "else": {
            "required": ["input", "layers"],
            "if": {"required": ["output"], "properties": {"output": {"const": "map"}}},
            "else": {"required": ["classes"]},
            "properties": {
                "input": {"required": whole},
                "layers": {"type": "array"},
                "aux": {"type": ["array", "null"]},
                **defaults,
            },
        },
        "allOf": [
            {
                "if": {"anyOf": [{"required": [key]} for key in more_blocks]},
                "then": _layers("member"),
                "else": known,
            }
        ],
        "definitions": definitions,
    }


def _layers(kind: str) -> Schema:
    listed = {"if": {"type": "array"}, "then": {"items": reference(kind)}}
    return {"properties": {"layers": listed | {"description": "The layers in order."}}}


def _list_or(listed: Schema, otherwise: Schema, change: str) -> Schema:
    """Return the schema of a list, or of changes by name with `extends`; errors only mention the form in use."""
    by_name = {
        "description": "With extends: members of the extended file by name with the keys to change; null removes one.",
        "additionalProperties": {"anyOf": [reference(change), {"type": "null"}]},
    }
    return {"if": {"type": "array"}, "then": listed, "else": otherwise | by_name}


def _block(definitions: Schema) -> Schema:
    """Return the schema of a block's definition."""
    parameter = model_schema(Parameter, definitions)
    types = parameter["properties"]["type"]["enum"]
    schemas: dict[str, Schema] = {
        "description": {"type": ["string", "number"]},
        "parameters": {
            "type": "object",
            "propertyNames": {
                "pattern": _WORD,
                "not": {"enum": [*NOT_PARAMETERS]},
            },
            "additionalProperties": {"anyOf": [{"enum": types}, parameter, {"type": ["number", "boolean", "array"]}]},
        },
        "body": {**MEMBERS, "minItems": 1},
    }
    properties = {key: {**schemas[key], "description": text} for key, text in BLOCK_KEYS.items()}
    return {"type": "object", "properties": properties, "required": ["body"], "additionalProperties": False}
